//! The configuration file: `config::Config::parse`. Every error has a place in the file, and no secret is
//! ever printed.

#![no_main]

use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::OnceLock;

use huiju::config::{Config, Overrides};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    match Config::parse("huiju.yaml", folder(), text, &Overrides::default()) {
        Ok(config) => {
            assert!(text.contains(SECRET) || !format!("{config:?}").contains(SECRET));
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            // A carriage return ends a line of YAML too.
            let lines = 1 + text.matches(['\n', '\r']).count() as u64;
            for problem in &problems {
                assert!(!problem.message.is_empty());
                assert!(
                    problem.line <= lines,
                    "{problem}: the file has {lines} lines"
                );
                assert!(text.contains(SECRET) || !problem.message.contains(SECRET));
            }
        }
    }
});

/// A folder with the password's file that the seeds name.
fn folder() -> &'static PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = std::env::temp_dir().join(format!("config-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder to write to");
        let mut options = std::fs::File::options();
        let file = options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = file.open(folder.join("pw")).expect("a file to write");
        std::io::Write::write_all(&mut file, SECRET.as_bytes()).expect("a file to write");
        folder
    })
}

const SECRET: &str = "s3cret";
