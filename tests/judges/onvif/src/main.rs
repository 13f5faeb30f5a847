//! An ONVIF device that nobody here wrote: prints the address of its device service, and serves till it is killed.
//!
//! `--login` has it want one, by WS-Security.

use std::io;

use oxvif::mock::MockServer;

#[tokio::main]
async fn main() -> io::Result<()> {
    let wants_login = std::env::args().any(|argument| argument == "--login");
    let device = MockServer::builder().enforce_auth(wants_login);
    let device = device.start().await?;
    println!("{}", device.device_url());
    std::future::pending().await
}
