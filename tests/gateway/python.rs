//! Scripts that judge with libraries nobody here wrote, which tests/run installs.

use std::ffi::OsStr;
use std::path::Path;

use tokio::process::Command;

/// What a script of `tests/judges` prints.
pub(crate) async fn judged(script: &str, arguments: &[&OsStr]) -> Vec<u8> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/judges")
        .join(script);
    python(&[&[script.as_os_str()], arguments].concat()).await
}

/// What Python prints, with what tests/run installs beside it.
pub(crate) async fn python(arguments: &[&OsStr]) -> Vec<u8> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/python/bin/python");
    let output = Command::new(&python).args(arguments).output().await;
    let output = output
        .unwrap_or_else(|error| panic!("{}, which tests/run makes: {error}", python.display()));
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    output.stdout
}
