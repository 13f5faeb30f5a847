//! Writes our own requests to a platform: REGISTER, MESSAGE, and BYE inside a call.

use std::net::SocketAddr;

use super::settings::PlatformSettings;
use super::subscription::Subscription;
use super::transport::branch;
use crate::proto::gb28181::CONTENT_TYPE;
use crate::proto::sip::{Headers, Method, NameAddress, Request, Transport};

/// What all requests of one platform's task share.
#[derive(Debug)]
pub(super) struct Requests {
    /// The number of the platform, for branches.
    pub(super) peer: usize,
    /// What we call ourselves: Via and Contact.
    pub(super) local: SocketAddr,
    pub(super) transport: Transport,
    number: u32,
    register_call: String,
    register_tag: String,
    push_call: String,
    push_tag: String,
}

impl Requests {
    pub(super) fn new(peer: usize, local: SocketAddr, transport: Transport) -> Self {
        Self {
            peer,
            local,
            transport,
            number: 0,
            register_call: token(),
            register_tag: token(),
            push_call: token(),
            push_tag: token(),
        }
    }

    /// A new call for the changes that are pushed in the next registration.
    pub(super) fn renew_push(&mut self) {
        self.push_call = token();
        self.push_tag = token();
    }

    /// A new call for the next registration.
    pub(super) fn renew_registration(&mut self) {
        self.register_call = token();
        self.register_tag = token();
    }

    /// `sip:<platform>@<domain>`.
    pub(super) fn platform_uri(settings: &PlatformSettings) -> String {
        format!("sip:{}@{}", settings.gb_id, settings.domain)
    }

    /// `<sip:<us>@<where we are>>`.
    pub(super) fn contact(&self, settings: &PlatformSettings) -> String {
        format!("<sip:{}@{}>", settings.local_gb_id, self.local)
    }

    /// A REGISTER (GB/T 28181-2016 §9.1): From and To are ourselves.
    pub(super) fn register(
        &mut self,
        settings: &PlatformSettings,
        expires: u64,
        authorization: Option<String>,
    ) -> Request {
        let us = format!("<sip:{}@{}>", settings.local_gb_id, settings.domain);
        let mut request = self.start(Method::Register, Self::platform_uri(settings));
        let tag = &self.register_tag;
        request.headers.push("From", format!("{us};tag={tag}"));
        request.headers.push("To", us);
        request.headers.push("Call-ID", self.register_call.clone());
        self.finish(&mut request);
        request.headers.push("Contact", self.contact(settings));
        request.headers.push("Expires", expires.to_string());
        if let Some(authorization) = authorization {
            request.headers.push("Authorization", authorization);
        }
        request
    }

    /// A MESSAGE outside any call.
    pub(super) fn message(&mut self, settings: &PlatformSettings, body: Vec<u8>) -> Request {
        let uri = Self::platform_uri(settings);
        let mut request = self.start(Method::Message, uri.clone());
        let from = format!(
            "<sip:{}@{}>;tag={}",
            settings.local_gb_id,
            settings.domain,
            token()
        );
        request.headers.push("From", from);
        request.headers.push("To", format!("<{uri}>"));
        request.headers.push("Call-ID", token());
        self.finish(&mut request);
        request.headers.push("Content-Type", CONTENT_TYPE);
        request.body = body.into();
        request
    }

    /// A NOTIFY of the catalogue: inside a subscription, else outside any dialog.
    pub(super) fn notify(
        &mut self,
        settings: &PlatformSettings,
        subscription: Option<&Subscription>,
        state: &str,
        body: Option<Vec<u8>>,
    ) -> Request {
        let outside = Self::platform_uri(settings);
        let uri = subscription.map_or(outside.as_str(), |subscription| subscription.uri.as_str());
        let mut request = self.start(Method::Notify, uri.to_owned());
        let headers = &mut request.headers;
        match subscription {
            Some(subscription) => {
                headers.push("From", subscription.from.clone());
                headers.push("To", subscription.to.clone());
                headers.push("Call-ID", subscription.call_id.clone());
                headers.push("Event", subscription.event.clone());
            }
            None => {
                let us = format!("<sip:{}@{}>", settings.local_gb_id, settings.domain);
                headers.push("From", format!("{us};tag={}", self.push_tag));
                headers.push("To", format!("<{outside}>"));
                headers.push("Call-ID", self.push_call.clone());
                headers.push("Event", "Catalog");
            }
        }
        headers.push("Subscription-State", state);
        self.finish(&mut request);
        request.headers.push("Contact", self.contact(settings));
        if let Some(body) = body {
            request.headers.push("Content-Type", CONTENT_TYPE);
            request.body = body.into();
        }
        request
    }

    /// A BYE of the call that `invite` began and we answered with `tag`.
    pub(super) fn bye(&mut self, invite: &Request, tag: &str) -> Request {
        let headers = &invite.headers;
        let from = headers.get("From").unwrap_or_default().to_owned();
        let to = headers.get("To").unwrap_or_default().to_owned();
        let mut request = self.start(Method::Bye, remote_target(headers));
        request.headers.push("From", format!("{to};tag={tag}"));
        request.headers.push("To", from);
        request
            .headers
            .push("Call-ID", headers.call_id().unwrap_or_default());
        self.finish(&mut request);
        request
    }

    fn start(&self, method: Method, uri: String) -> Request {
        let mut request = Request::new(method, uri);
        let (transport, local) = (self.transport.name(), self.local);
        let branch = branch(self.peer, &token());
        request.headers.push(
            "Via",
            format!("SIP/2.0/{transport} {local};rport;branch={branch}"),
        );
        request
    }

    fn finish(&mut self, request: &mut Request) {
        self.number += 1;
        request.headers.push(
            "CSeq",
            format!("{} {}", self.number, request.method.as_str()),
        );
        request.headers.push("Max-Forwards", "70");
        request.headers.push("User-Agent", USER_AGENT);
    }
}

/// Where requests inside a dialog of theirs go: their Contact, else their From.
pub(super) fn remote_target(headers: &Headers) -> String {
    let contact = headers.get("Contact").and_then(NameAddress::parse);
    let theirs = contact.or_else(|| headers.from());
    theirs.map(|address| address.uri).unwrap_or_default()
}

/// 96 random bits: unique over restarts.
pub(super) fn token() -> String {
    hex::encode(rand::random::<[u8; 12]>())
}

/// What we say that we are.
pub(super) const USER_AGENT: &str = concat!("huiju/", env!("CARGO_PKG_VERSION"));
