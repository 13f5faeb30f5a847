//! SIP by hand: requests that the simulator's platform does not send, from any address.

use std::net::{IpAddr, SocketAddr};

use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::time::timeout;

use crate::world::{SOON, World};

/// A socket that speaks SIP to the gateway.
pub(crate) struct Speaker {
    socket: UdpSocket,
    gateway: SocketAddr,
    /// The code that its requests come from.
    user: String,
    number: u32,
}

/// A final answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    /// The whole message.
    pub(crate) text: String,
}

impl Speaker {
    /// A socket at `address` that calls itself `user`.
    pub(crate) async fn new(world: &World, address: IpAddr, user: &str) -> Self {
        let socket = UdpSocket::bind((address, 0)).await;
        let gateway = world.http().replace(":8080", ":5060");
        Self {
            socket: socket.expect("a free port"),
            gateway: gateway.parse().expect("an address"),
            user: user.to_owned(),
            number: 0,
        }
    }

    /// Sends bytes as they are.
    pub(crate) async fn send(&self, bytes: &[u8]) {
        let sent = self.socket.send_to(bytes, self.gateway).await;
        sent.expect("loopback takes it");
    }

    /// Sends a request about `channel` and waits for its final answer.
    pub(crate) async fn ask(
        &mut self,
        method: &str,
        channel: &str,
        content_type: &str,
        body: &str,
    ) -> Answer {
        let whole = |request| request;
        self.ask_shaped(method, channel, content_type, body, whole)
            .await
    }

    /// Sends a request about `channel` in another shape, and waits for its final answer.
    pub(crate) async fn ask_shaped(
        &mut self,
        method: &str,
        channel: &str,
        content_type: &str,
        body: &str,
        shape: impl FnOnce(Vec<u8>) -> Vec<u8>,
    ) -> Answer {
        let request = self.request(method, channel, content_type, body);
        self.send(&shape(request.into_bytes())).await;
        let call_id = format!("{}-{}@hand", self.port(), self.number);
        timeout(SOON, self.final_answer(&call_id))
            .await
            .unwrap_or_else(|_| panic!("no answer to {method}"))
    }

    /// A request about `channel`, the next one of this speaker.
    pub(crate) fn request(
        &mut self,
        method: &str,
        channel: &str,
        content_type: &str,
        body: &str,
    ) -> String {
        self.number += 1;
        let (user, gateway, number) = (&self.user, self.gateway, self.number);
        let here = self.socket.local_addr().expect("it is bound");
        let port = here.port();
        format!(
            "{method} sip:{channel}@{gateway} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {here};rport;branch=z9hG4bK{port}x{number}\r\n\
             From: <sip:{user}@4302110000>;tag={port}\r\nTo: <sip:{channel}@{gateway}>\r\n\
             Call-ID: {port}-{number}@hand\r\nCSeq: {number} {method}\r\nContact: <sip:{user}@{here}>\r\n\
             Max-Forwards: 70\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len(),
        )
    }

    fn port(&self) -> u16 {
        self.socket.local_addr().expect("it is bound").port()
    }

    /// Acknowledges the answer to the last request, which was about `channel`.
    pub(crate) async fn acknowledge(&self, answer: &Answer, channel: &str) {
        let header = |name: &str| {
            let found = answer.text.lines().find(|line| line.starts_with(name));
            found.unwrap_or_else(|| panic!("no {name} in {}", answer.text))
        };
        let here = self.socket.local_addr().expect("it is bound");
        let (gateway, number) = (self.gateway, self.number);
        let request = format!(
            "ACK sip:{channel}@{gateway} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {here};rport;branch=z9hG4bK{number}ack\r\n{}\r\n{}\r\n{}\r\n\
             CSeq: {number} ACK\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
            header("From:"),
            header("To:"),
            header("Call-ID:"),
        );
        self.send(request.as_bytes()).await;
    }

    async fn final_answer(&self, call_id: &str) -> Answer {
        let mut buffer = vec![0; 65_536];
        loop {
            let (length, _) = self
                .socket
                .recv_from(&mut buffer)
                .await
                .expect("a datagram");
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            let code = text.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3));
            let code: Option<u16> = code.and_then(|code| code.parse().ok());
            match code {
                Some(code) if code >= 200 && text.contains(call_id) => {
                    return Answer { code, text };
                }
                _ => {}
            }
        }
    }
}

/// Connects from an address.
pub(crate) async fn connect(from: IpAddr, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(from, 0)).unwrap();
    timeout(SOON, socket.connect(to)).await.unwrap().unwrap()
}
