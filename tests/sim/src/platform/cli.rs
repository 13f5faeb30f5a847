//! `huiju-sim platform`: an upper platform as a process, which may prove a farm.

#![expect(clippy::print_stdout, reason = "a command prints")]

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::signal::unix::{SignalKind, signal};

use super::manscdp::Charset;
use super::proof::{Manifest, Proof};
use super::sip::digest::Algorithm;
use super::{Platform, Settings};

const HELP: &str = "\
usage: huiju-sim platform --sip ADDRESS:PORT [options]

  --id CODE              its own code
  --domain DIGITS        its realm; default: the first ten digits of its code
  --lower-id CODE        the lower platform's code
  --password-file FILE   the lower platform's password
  --algorithm A          md5 (default) or sha-256
  --charset C            gb2312 (default) or utf-8
  --wait SECONDS         how long the registration is waited for, 60
  --prove                prove the cameras of --manifest
  --manifest FILE        farm.json of a camera farm
  --seconds N            how long each session is recorded, 6
  --out DIR              where recordings go
  --stay                 stay up after the proof till SIGINT or SIGTERM
";

/// Runs the command.
///
/// # Errors
/// When an argument is wrong, or the platform cannot start.
pub async fn run(arguments: &[String]) -> anyhow::Result<ExitCode> {
    if arguments.iter().any(|argument| argument == "--help") {
        println!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    }
    let flags = Flags::parse(arguments)?;
    let settings = settings(&flags)?;
    let system = settings.lower_id.clone();
    let platform = Arc::new(Platform::start(settings).await?);
    println!(
        "platform ready: sip {} over UDP and TCP",
        platform.address()
    );
    if !flags.has("prove") {
        told_to_end().await;
        return Ok(ExitCode::SUCCESS);
    }
    let proof = Box::pin(prove(&platform, &flags, &system));
    let holds = tokio::select! {
        holds = proof => holds?,
        () = told_to_end() => return Ok(ExitCode::FAILURE),
    };
    if flags.has("stay") {
        told_to_end().await;
    }
    Ok(if holds {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn prove(platform: &Arc<Platform>, flags: &Flags, system: &str) -> anyhow::Result<bool> {
    let manifest = Manifest::read(&PathBuf::from(flags.need("manifest")?))?;
    let folder = PathBuf::from(flags.need("out")?);
    let length = Duration::from_secs(flags.number("seconds", 6)?);
    let wait = Duration::from_secs(flags.number("wait", 60)?);
    platform.registered(wait).await?;
    println!("{system} is registered");
    let items = platform.catalogue(wait).await.context("catalogue")?;
    let mut proof = Proof::find(&manifest, &items, system);
    println!(
        "catalogue: {} items; inviting {} cameras over UDP, TCP passive and TCP active",
        items.len(),
        manifest.cameras.len()
    );
    proof.record(platform, length, &folder).await?;
    println!("recorded {} s each; judging", length.as_secs());
    proof.judge(length).await;
    println!("{proof}");
    Ok(proof.holds())
}

async fn told_to_end() {
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        return;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

fn settings(flags: &Flags) -> anyhow::Result<Settings> {
    let usual = Settings::default();
    let gb_id = flags.get("id").unwrap_or(&usual.gb_id).to_owned();
    let domain = flags
        .get("domain")
        .or_else(|| gb_id.get(..10))
        .context("--id is no code of 20 digits")?
        .to_owned();
    let password = match flags.get("password-file") {
        Some(file) => {
            let text =
                std::fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
            text.strip_suffix('\n').unwrap_or(&text).to_owned()
        }
        None => usual.password.clone(),
    };
    Ok(Settings {
        sip: flags.need("sip")?.parse().context("--sip is no address")?,
        lower_id: flags.get("lower-id").unwrap_or(&usual.lower_id).to_owned(),
        algorithm: match flags.get("algorithm") {
            None | Some("md5") => Algorithm::Md5,
            Some("sha-256") => Algorithm::Sha256,
            Some(other) => bail!("--algorithm {other}"),
        },
        charset: match flags.get("charset") {
            None | Some("gb2312") => Charset::Gb2312,
            Some("utf-8") => Charset::Utf8,
            Some(other) => bail!("--charset {other}"),
        },
        gb_id,
        domain,
        password,
        ..usual
    })
}

/// Arguments as `--name value` and `--name`.
struct Flags(HashMap<String, String>);

impl Flags {
    fn parse(arguments: &[String]) -> anyhow::Result<Self> {
        let mut flags = HashMap::new();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let name = argument
                .strip_prefix("--")
                .with_context(|| format!("unexpected argument {argument:?}"))?;
            let value = match name {
                "prove" | "stay" => String::new(),
                "sip" | "id" | "domain" | "lower-id" | "password-file" | "algorithm"
                | "charset" | "wait" | "manifest" | "seconds" | "out" => rest
                    .next()
                    .with_context(|| format!("--{name} needs a value"))?
                    .clone(),
                _ => bail!("unknown option --{name}; see --help"),
            };
            flags.insert(name.to_owned(), value);
        }
        Ok(Self(flags))
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn need(&self, name: &str) -> anyhow::Result<&str> {
        self.get(name)
            .with_context(|| format!("--{name} is needed"))
    }

    fn number(&self, name: &str, usual: u64) -> anyhow::Result<u64> {
        self.get(name).map_or(Ok(usual), |text| {
            text.parse().with_context(|| format!("--{name} {text:?}"))
        })
    }
}
