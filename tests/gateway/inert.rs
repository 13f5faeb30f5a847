//! What people write into spreadsheets and requests is shown and exported as text, whatever it would mean elsewhere; what
//! is made to burst is refused.

use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::python::judged;
use crate::world::{SOON, World};

/// What is given as a name, and what is kept of it.
const NAMES: [(&str, &str); 16] = [
    ("<script>alert(1)</script>", "<script>alert(1)</script>"),
    (
        "<img src=x onerror=alert(1)>",
        "<img src=x onerror=alert(1)>",
    ),
    ("'; DROP TABLE cameras; --", "'; DROP TABLE cameras; --"),
    ("\" OR 1=1", "\" OR 1=1"),
    ("]]><Item/>&lt;&#0;", "]]><Item/>&lt;&#0;"),
    (
        "<!ENTITY x SYSTEM \"file:///etc/passwd\">",
        "<!ENTITY x SYSTEM \"file:///etc/passwd\">",
    ),
    ("../../../etc/passwd", "../../../etc/passwd"),
    (
        "=HYPERLINK(\"http://x\",\"y\")",
        "=HYPERLINK(\"http://x\",\"y\")",
    ),
    ("+1+cmd|' /C calc'!A0", "+1+cmd|' /C calc'!A0"),
    ("@SUM(1)", "@SUM(1)"),
    ("-2+3", "-2+3"),
    ("'=1", "'=1"),
    ("１号门　ＡＢＣ", "1号门 ABC"),
    ("门\u{202e}gpj.exe\u{202c}", "门gpj.exe"),
    ("门\u{0}\u{1b}[31m红\u{7}", "门[31m红"),
    ("两\r\n行", "两  行"),
];

#[tokio::test(flavor = "multi_thread")]
async fn hostile_names_are_text_and_nothing_else_wherever_they_are_shown() {
    let world = World::new("inert").undeclared();
    let world = world
        .platform_with("district", |_| {}, json!({"charset": "utf-8"}))
        .start()
        .await;
    for (number, (name, _)) in NAMES.iter().enumerate() {
        let body = json!({"name": name, "department": "education", "source_id": format!("s{number:02}"),
                          "url": format!("rtsp://127.60.0.1:8554/{number}")});
        let (status, answer) = world
            .ask_with("POST", "/api/v1/cameras", &body.to_string())
            .await;
        assert_eq!(status, 201, "{name:?}: {answer}");
    }
    let kept: Vec<_> = NAMES.iter().map(|(_, kept)| (*kept).to_owned()).collect();
    let listed = world.cameras_of("limit=1000").await;
    let names: Vec<_> = listed
        .iter()
        .map(|c| c["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, kept);
    let items = world.catalogue("district").await;
    for name in &kept {
        assert!(
            items.iter().any(|item| item.name() == *name),
            "{name} at the platform"
        );
    }
    let printed = world.plain(&["camera", "list"]).await;
    assert_eq!(printed.lines().count(), 1 + NAMES.len(), "{printed}");
    let is_control = |c: char| c.is_control() && c != '\n';
    assert!(
        !printed.contains(is_control) && !printed.contains('\u{202e}'),
        "{printed:?}"
    );
    assert!(!world.log().contains(is_control), "{}", world.log());

    exports_are_text(&world, &kept).await;
    exports_import_back(&world).await;
}

/// No program computes a cell of the exports.
async fn exports_are_text(world: &World, kept: &[String]) {
    let export = world
        .request("GET", "/api/v1/cameras?format=csv", &[], b"")
        .await;
    let rows = csv::Reader::from_reader(&export.body[3..]).into_records();
    for (row, name) in rows.map(Result::unwrap).zip(kept) {
        let cell = row
            .iter()
            .find(|cell| cell.trim_start_matches('\'') == name.trim_start_matches('\''));
        let cell = cell.unwrap_or_else(|| panic!("{name} is in {row:?}"));
        assert!(
            !cell.starts_with(['=', '+', '-', '@']),
            "{cell} would be computed"
        );
    }
    let workbook = world
        .request("GET", "/api/v1/cameras?format=xlsx", &[], b"")
        .await;
    let file = world.folder.join("export.xlsx");
    std::fs::write(&file, &workbook.body).unwrap();
    let rows = read_workbook(&file).await;
    assert_eq!(rows.len(), 1 + NAMES.len());
    for cell in rows.iter().flatten() {
        let (kind, text) = (cell[0].as_str().unwrap(), cell[1].as_str().unwrap());
        assert!(kind == "s" || text.is_empty(), "{text} is of kind {kind}");
    }
    for name in kept {
        assert!(
            rows.iter().flatten().any(|cell| cell[1] == **name),
            "{name} in the workbook"
        );
    }
}

async fn exports_import_back(world: &World) {
    for (format, file) in [("csv", "export.csv"), ("xlsx", "export.xlsx")] {
        let path = format!("/api/v1/cameras?format={format}");
        let export = world.request("GET", &path, &[], b"").await;
        std::fs::write(world.folder.join(file), &export.body).unwrap();
        let path = world.folder.join(file);
        let import = world
            .json(&["import", path.to_str().unwrap(), "--json"])
            .await;
        assert_eq!(import["summary"]["keep"], NAMES.len(), "{format}: {import}");
    }
}

/// The first sheet of a workbook, by a library that is not ours: kind and text of each cell.
async fn read_workbook(file: &Path) -> Vec<Vec<Value>> {
    let read = judged("read_workbook.py", &[file.as_ref()]).await;
    serde_json::from_slice(&read).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_made_to_burst_are_refused_within_limits() {
    let world = World::new("bursting").undeclared();
    let world = world.platform("district").start().await;
    let before = world.usage();
    let sheet = "xl/worksheets/sheet1.xml";
    for (name, parts) in [
        ("one.xlsx", vec![(sheet.to_owned(), 300 << 20)]),
        (
            "many.xlsx",
            (0..2000)
                .map(|n| (format!("xl/media/{n}"), 1 << 10))
                .collect(),
        ),
    ] {
        std::fs::write(world.folder.join(name), bomb(&parts)).unwrap();
        let path = world.folder.join(name);
        let refused = world.command(&["import", path.to_str().unwrap()]).await;
        let said = world.said(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{name}: {said}");
        assert!(said.contains("the file cannot be used"), "{name}: {said}");
    }
    // A gigabyte is refused by its head: nobody waits for it.
    let mut stream = UnixStream::connect(world.folder.join("admin.sock"))
        .await
        .unwrap();
    let head = "POST /api/v1/imports HTTP/1.1\r\nhost: huiju\r\nexpect: 100-continue\r\n\
                content-type: multipart/form-data; boundary=b\r\ncontent-length: 1073741824\r\n\
                connection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let read = timeout(SOON, stream.read_to_string(&mut answer)).await;
    read.expect("an answer").unwrap();
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    let after = world.usage();
    let grown = after.resident_max_mib.saturating_sub(before.resident_mib);
    assert!(grown < 150, "{grown} MiB for files that were refused");
    assert_eq!(world.cameras_of("limit=1000").await, Vec::<Value>::new());
}

/// A workbook with parts of zeros, of so many bytes each.
fn bomb(parts: &[(String, usize)]) -> Vec<u8> {
    let mut file = std::io::Cursor::new(Vec::new());
    let mut zip = zip::ZipWriter::new(&mut file);
    for (name, bytes) in parts {
        zip.start_file(
            name.as_str(),
            zip::write::SimpleFileOptions::default().compression_level(Some(1)),
        )
        .unwrap();
        let zeros = vec![0; 1 << 20];
        let mut left = *bytes;
        while left > 0 {
            let piece = left.min(zeros.len());
            zip.write_all(&zeros[..piece]).unwrap();
            left -= piece;
        }
    }
    zip.finish().unwrap();
    file.into_inner()
}
