//! Where a camera's stream is, and who may log in there.

use std::net::IpAddr;

use super::card::MASK;
use super::columns::Column;
use super::record::{Check, MASKED};
use super::url::{form_of, other_protocol, split_url};
use crate::catalog::{Department, Location, Secret};

impl Check<'_> {
    /// Splits user and password off a URL and holds the rest to the department's ports and networks.
    pub(super) fn place(
        &mut self,
        url: &str,
        department: Option<&Department>,
    ) -> Option<(Location, Option<(String, Secret)>)> {
        let Some((location, login)) = split_url(url) else {
            if url == MASK {
                self.fail(Some(Column::Url), MASKED.to_owned());
                return None;
            }
            // The text may hold a password: it is not repeated.
            let mut message = format!("is not {}", form_of(Column::Url));
            if let Some(protocol) = other_protocol(url) {
                message.push_str(&format!(": an address of {protocol} is no stream"));
            }
            self.fail(Some(Column::Url), message);
            return None;
        };
        if location.whole().expose().contains(MASK) {
            self.fail(Some(Column::Url), MASKED.to_owned());
        }
        let login = self.login(login);
        if login
            .as_ref()
            .is_some_and(|(_, password)| password.expose() == MASK)
        {
            let message = "password: is masked: write it out".to_owned();
            self.fail(None, message);
        }
        let department = department?;
        let login = match self.text(Column::Credential) {
            Some(name) => self.credential(&name, department, login.is_some()),
            None => login,
        };
        let host_and_port = (location.host.as_str(), Some(location.port));
        self.place_of(Column::Url, host_and_port, department);
        Some((location, login))
    }

    /// Holds a host, and a port of RTSP, to those of the department.
    pub(super) fn place_of(
        &mut self,
        column: Column,
        (host, port): (&str, Option<u16>),
        department: &Department,
    ) {
        if let Some(port) = port.filter(|port| !department.ports.contains(port)) {
            let message = format!("port {port} is none of the department's ports");
            self.fail(Some(column), message);
        }
        if let Ok(address) = host.parse::<IpAddr>()
            && !department.allows(address)
        {
            let message = if department.networks.is_empty() {
                format!("{address} is no private address, and the department has no networks")
            } else {
                format!("{address} is outside the department's networks")
            };
            self.fail(Some(column), message);
        }
    }

    /// User and password of their columns, else those of the URL. Where both say something they must say the same: nobody
    /// knows which of two passwords is the newer one.
    fn login(&mut self, in_url: Option<(String, Secret)>) -> Option<(String, Secret)> {
        let [user, password] = [Column::Username, Column::Password].map(|c| self.text(c));
        let Some((url_user, url_password)) = in_url else {
            return user.map(|user| (user, Secret::new(password.unwrap_or_default())));
        };
        let differs = |column: Option<&str>, url: &str| {
            column.is_some_and(|text| !text.is_empty() && !url.is_empty() && text != url)
        };
        for (column, is_other) in [
            (Column::Username, differs(user.as_deref(), &url_user)),
            (
                Column::Password,
                differs(password.as_deref(), url_password.expose()),
            ),
        ] {
            if is_other {
                let message = format!(
                    "differs from the {} in the URL: leave one of them out",
                    column.name()
                );
                self.fail(Some(column), message);
            }
        }
        let is_given = |text: &String| !text.is_empty();
        let password = password.filter(is_given).map(Secret::new);
        let user = user.filter(is_given).unwrap_or(url_user);
        Some((user, password.unwrap_or(url_password)))
    }

    /// User and password that the department's configuration has under that name.
    fn credential(
        &mut self,
        name: &str,
        department: &Department,
        has_login: bool,
    ) -> Option<(String, Secret)> {
        if has_login {
            self.fail(
                Some(Column::Credential),
                "stands beside a user or password: leave one of them out".to_owned(),
            );
        }
        let found = department.credentials.get(name).cloned();
        if found.is_none() {
            let message = format!("`{name}` is none of the department's credentials");
            self.fail(Some(Column::Credential), message);
        }
        found
    }
}
