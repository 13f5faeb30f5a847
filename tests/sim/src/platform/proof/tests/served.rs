//! A lower platform that serves one camera as it should.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{Camera, Frame, map_of, packets};
use crate::platform::sip::Message;
use crate::platform::tasks::Tasks;
use crate::platform::tests::lower::{Lower, sdp};
use crate::platform::{Description, manscdp};

/// A lower platform with one camera, as far as a proof asks.
pub(super) struct Served {
    pub(super) lower: Lower,
    pub(super) camera: Camera,
    pub(super) frames: Arc<Vec<Frame>>,
    pub(super) playing: HashMap<String, CancellationToken>,
    pub(super) waiting: HashMap<String, (Message, Outlet)>,
}

/// Where the media of an accepted INVITE goes out.
pub(super) enum Outlet {
    Udp(UdpSocket),
    Active,
    Passive(TcpListener),
}

const GROUP: &str = "43021100002150000001";
const DEPARTMENT: &str = "43021100002166000001";
const CODE: &str = "43021100031327000001";

impl Served {
    pub(super) async fn serve(mut self, tasks: Tasks) {
        loop {
            let message = self.lower.receive_at_leisure().await;
            match message.method() {
                "MESSAGE" if message.code() == 0 => self.answer_query(&message).await,
                "INVITE" => self.accept(message).await,
                "ACK" => self.play(&message, &tasks),
                "BYE" => {
                    self.playing
                        .remove(message.header("Call-ID").unwrap())
                        .unwrap()
                        .cancel();
                    self.lower.answer(&message, 200).await;
                }
                _ => {}
            }
        }
    }

    async fn answer_query(&mut self, query: &Message) {
        self.lower.answer(query, 200).await;
        let root = manscdp::parse(&manscdp::decode(&query.body).unwrap()).unwrap();
        let system = &self.lower.settings.lower_id;
        let name = manscdp::escape(&self.camera.name);
        let items = [
            (GROUP, "业务分组", system.as_str(), ""),
            (DEPARTMENT, "社会面", GROUP, ""),
            (
                CODE,
                &name,
                DEPARTMENT,
                "<Status>ON</Status><Parental>0</Parental><RegisterWay>1</RegisterWay><Secrecy>0</Secrecy>",
            ),
        ];
        let mut pages = Vec::new();
        for (id, name, parent, more) in items {
            let text = format!(
                "<?xml version=\"1.0\" encoding=\"GB2312\"?><Response><CmdType>Catalog</CmdType><SN>{}</SN>\
                 <DeviceID>{system}</DeviceID><SumNum>3</SumNum><DeviceList Num=\"1\"><Item><DeviceID>{id}</DeviceID>\
                 <Name>{name}</Name><ParentID>{parent}</ParentID><BusinessGroupID>{GROUP}</BusinessGroupID>{more}</Item>\
                 </DeviceList></Response>",
                root.text_of("SN"),
            );
            pages.push(manscdp::Charset::Gb2312.encode(&text));
        }
        for page in pages {
            let request = self
                .lower
                .request("MESSAGE")
                .with_body("Application/MANSCDP+xml", page);
            self.lower.send(&request).await;
        }
    }

    async fn accept(&mut self, invite: Message) {
        let offer = Description::parse(std::str::from_utf8(&invite.body).unwrap()).unwrap();
        let (outlet, port, setup) = match offer.setup.as_deref() {
            None => {
                let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
                let port = socket.local_addr().unwrap().port();
                (Outlet::Udp(socket), port, "")
            }
            Some("passive") => (Outlet::Active, 9, "a=setup:active\r\n"),
            Some(_) => {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let port = listener.local_addr().unwrap().port();
                (Outlet::Passive(listener), port, "a=setup:passive\r\n")
            }
        };
        let more = format!("{setup}y={}\r\n", offer.y.unwrap());
        let answer = Message::answer(&invite, 200, "lower", self.lower.platform)
            .with("Contact", "<sip:x@127.0.0.1>")
            .with_body(
                "application/sdp",
                sdp(port, &offer.profile, &more).into_bytes(),
            );
        self.lower.send(&answer).await;
        self.waiting.insert(
            invite.header("Call-ID").unwrap().to_owned(),
            (invite, outlet),
        );
    }

    fn play(&mut self, ack: &Message, tasks: &Tasks) {
        let call_id = ack.header("Call-ID").unwrap().to_owned();
        let (invite, outlet) = self.waiting.remove(&call_id).unwrap();
        let offer = Description::parse(std::str::from_utf8(&invite.body).unwrap()).unwrap();
        let packets = packets(&self.frames, &map_of(&self.camera), offer.ssrc().unwrap());
        let ended = CancellationToken::new();
        self.playing.insert(call_id, ended.clone());
        tasks.spawn(async move {
            tokio::select! {
                () = ended.cancelled() => {}
                () = send(packets, outlet, offer.address) => {}
            }
        });
    }
}

/// Sends packets at the pace of their frames.
async fn send(packets: Vec<(u64, Vec<u8>)>, outlet: Outlet, peer: SocketAddr) {
    let start = Instant::now();
    let first = packets[0].0;
    let mut stream = match &outlet {
        Outlet::Udp(_) => None,
        Outlet::Active => Some(TcpStream::connect(peer).await.unwrap()),
        Outlet::Passive(listener) => Some(listener.accept().await.unwrap().0),
    };
    for (time, packet) in packets {
        sleep_until(start + Duration::from_millis((time - first) / 90)).await;
        match (&outlet, &mut stream) {
            (Outlet::Udp(socket), _) => drop(socket.send_to(&packet, peer).await),
            (_, Some(stream)) => {
                let length = u16::try_from(packet.len()).unwrap().to_be_bytes();
                drop(stream.write_all(&[&length[..], &packet].concat()).await);
            }
            (_, None) => {}
        }
    }
}
