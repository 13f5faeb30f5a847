//! The listeners of the gateway: all are bound before anything starts, or nothing does.

use tokio::net::{TcpListener, UnixListener};

use super::Error;
use crate::api::{self, Api};
use crate::config::Config;
use crate::sink::gb28181;
use crate::task::Tasks;

/// The HTTP listeners, bound.
pub(super) struct Listeners {
    http: TcpListener,
    metrics: TcpListener,
    admin: UnixListener,
}

impl Listeners {
    /// Binds all listeners, SIP too: the gateway starts with all of them or not at all.
    pub(super) async fn bind(config: &Config) -> Result<(Self, gb28181::Sockets), Error> {
        let listen = &config.listen;
        let fail = |what, address: String| {
            move |source| Error::Listen {
                what,
                address,
                source,
            }
        };
        let (http, metrics) = (listen.http, listen.metrics);
        let admin = api::bind_admin(&listen.admin);
        let listeners = Self {
            http: TcpListener::bind(http)
                .await
                .map_err(fail("listen.http", http.to_string()))?,
            metrics: TcpListener::bind(metrics)
                .await
                .map_err(fail("listen.metrics", metrics.to_string()))?,
            admin: admin.map_err(fail("listen.admin", listen.admin.display().to_string()))?,
        };
        let sip = gb28181::bind(listen.sip).await;
        Ok((
            listeners,
            sip.map_err(fail("listen.sip", listen.sip.to_string()))?,
        ))
    }

    /// Serves the API on them; the tasks end with the group that is returned.
    pub(super) fn serve(self, api: &Api) -> Tasks {
        let tasks = Tasks::default();
        tasks.spawn("http", api::serve(self.http, api.public(), tasks.clone()));
        tasks.spawn(
            "metrics",
            api::serve(self.metrics, api.metrics(), tasks.clone()),
        );
        tasks.spawn("admin", api::serve(self.admin, api.admin(), tasks.clone()));
        tasks
    }
}
