//! Queries to the lower platform, and their answers.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::catalogue::{self, Item};
use super::core::Core;
use super::manscdp::{self, Element};
use super::sip::Message;
use super::tasks::{lock, random};

/// What is asked, and of whom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Query<'a> {
    pub(super) cmd_type: &'a str,
    pub(super) device_id: &'a str,
    pub(super) extra: &'a [(&'a str, &'a str)],
}

/// Asks the three things that the field asks within 0.1 s of the first registration.
pub(super) async fn ask_at_once(core: Arc<Core>) {
    let id = core.settings.lower_id.clone();
    let info = Query {
        cmd_type: "DeviceInfo",
        device_id: &id,
        extra: &[],
    };
    let config = Query {
        cmd_type: "ConfigDownload",
        device_id: &id,
        extra: &[("ConfigType", "BasicParam")],
    };
    let (info, config, items) = tokio::join!(
        ask(&core, info, QUERY_LIMIT),
        ask(&core, config, QUERY_LIMIT),
        ask_catalogue(&core, &id, CATALOGUE_LIMIT),
    );
    // Faults that are switched on make these fail; who needs the answers looks for them in the log.
    drop((info, config, items));
}

/// Asks one question that has one answer.
pub(super) async fn ask(
    core: &Arc<Core>,
    query: Query<'_>,
    limit: Duration,
) -> anyhow::Result<Element> {
    let mut answers = Answers::open(core, 8);
    answers.send(core, query, limit).await?;
    let answer = timeout(limit, answers.receiver.recv()).await;
    let answer = answer
        .ok()
        .flatten()
        .with_context(|| format!("no answer to {} within {limit:?}", query.cmd_type))?;
    check_header(&answer, query)?;
    Ok(answer)
}

/// Asks for a catalogue and assembles its pages.
pub(super) async fn ask_catalogue(
    core: &Arc<Core>,
    device_id: &str,
    limit: Duration,
) -> anyhow::Result<Vec<Item>> {
    let query = Query {
        cmd_type: "Catalog",
        device_id,
        extra: &[],
    };
    let mut answers = Answers::open(core, PAGES_MAX);
    answers.send(core, query, limit).await?;
    let mut pages = catalogue::Pages::default();
    let assemble = async {
        while !pages.is_complete() {
            let page = answers.receiver.recv().await.context("platform stopped")?;
            check_header(&page, query)?;
            pages.handle_page(&page)?;
        }
        anyhow::Ok(())
    };
    match timeout(limit, assemble).await {
        Ok(outcome) => outcome?,
        Err(_) => bail!("catalogue has {} within {limit:?}", pages.progress()),
    }
    Ok(pages.into_items())
}

fn check_header(answer: &Element, query: Query<'_>) -> anyhow::Result<()> {
    ensure!(
        answer.text_of("CmdType") == query.cmd_type,
        "{} answered by {}",
        query.cmd_type,
        answer.text_of("CmdType")
    );
    let id = answer.text_of("DeviceID");
    ensure!(
        id == query.device_id,
        "{} of {} answered for {id:?}",
        query.cmd_type,
        query.device_id
    );
    Ok(())
}

/// The answers to one SN, as long as somebody waits.
struct Answers {
    core: Arc<Core>,
    sn: u32,
    receiver: mpsc::Receiver<Element>,
}

impl Answers {
    fn open(core: &Arc<Core>, max: usize) -> Self {
        let sn = core.next_sn();
        let (sender, receiver) = mpsc::channel(max);
        lock(&core.waiting).insert(sn, sender);
        Self {
            core: Arc::clone(core),
            sn,
            receiver,
        }
    }

    /// Sends the query and waits for its 200.
    async fn send(
        &self,
        core: &Arc<Core>,
        query: Query<'_>,
        limit: Duration,
    ) -> anyhow::Result<()> {
        let sn = self.sn.to_string();
        let mut fields = vec![
            ("CmdType", query.cmd_type),
            ("SN", &sn),
            ("DeviceID", query.device_id),
        ];
        fields.extend_from_slice(query.extra);
        let settings = &core.settings;
        let body = manscdp::write("Query", &fields, settings.habits.blanks, settings.charset);
        let odd = settings.habits.odd_branches && query.cmd_type == "ConfigDownload";
        let code = send_message(core, query.device_id, body, odd, limit).await?;
        ensure!(code == 200, "{} answered with {code}", query.cmd_type);
        Ok(())
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        lock(&self.core.waiting).remove(&self.sn);
    }
}

/// Sends a MESSAGE to the lower platform's source address and returns the status of its answer.
pub(super) async fn send_message(
    core: &Arc<Core>,
    user: &str,
    body: Vec<u8>,
    odd: bool,
    limit: Duration,
) -> anyhow::Result<u16> {
    let route = core.lower_route()?;
    let settings = &core.settings;
    let uri = format!("sip:{user}@{}", route.address());
    let (via, branch) = core.via(&route, odd);
    let request = Message::request("MESSAGE", &uri)
        .with("Via", via)
        .with(
            "From",
            format!(
                "<sip:{}@{}>;tag={:08x}",
                settings.gb_id,
                settings.domain,
                random() >> 32
            ),
        )
        .with("To", format!("<{uri}>"))
        .with(
            "Call-ID",
            format!("{:016x}@{}", random(), core.address.ip()),
        )
        .with("CSeq", format!("{} MESSAGE", core.next_cseq()))
        .with("Max-Forwards", "70")
        .with_body("Application/MANSCDP+xml", body);
    let mut transaction = core.begin(&request, &branch, &route).await;
    let answer = timeout(limit, transaction.final_response()).await;
    let (answer, _) = answer
        .ok()
        .flatten()
        .with_context(|| format!("no SIP answer within {limit:?}"))?;
    Ok(answer.code())
}

/// How long the automatic questions wait.
const QUERY_LIMIT: Duration = Duration::from_secs(10);

/// Two minutes to the first page, and time for the rest.
const CATALOGUE_LIMIT: Duration = Duration::from_secs(300);

/// A district has some ten thousand cameras, in pages of one.
const PAGES_MAX: usize = 100_000;
