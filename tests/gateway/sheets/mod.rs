//! Twelve spreadsheets as departments send them (`tests/fixtures/sheets`): imported, undone, exported and imported again.

mod cameras;
mod report;

use std::path::Path;

use serde_json::{Value, json};

use self::report::Report;
use crate::python::{judged, python};
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn schools_pasted_together_in_wps_and_cut_off() {
    holds("01-education-wps-gb18030").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hospitals_with_headers_of_their_own_and_codes_as_excel_shows_them() {
    holds("02-health-excel-bom").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_for_a_meeting_with_titles_sums_and_signatures() {
    holds("03-urban-xlsx-titles").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn building_sites_picked_on_baidus_map() {
    holds("04-housing-bd09-grids").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shops_typed_from_phones() {
    holds("05-social-gcj02-swapped").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_contractors_and_two_departments_in_one_list() {
    holds("06-park-mixed-datum").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_as_maintenance_firms_understand_them() {
    holds("07-education-urls").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_years_lists_in_one() {
    holds("08-health-duplicates").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_somebody_would_like_to_have_run() {
    holds("09-social-hostile-names").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn building_sites_with_the_workers_quarters() {
    holds("10-housing-places").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contractors_yaml() {
    holds("11-park-contractor-yaml").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_rows() {
    holds("12-social-thousand").await;
}

/// A sheet in a world of the gateway that it was made for.
struct Sheet {
    file: String,
    how: Value,
    expected: Value,
    world: World,
    /// All that anybody was told of it.
    said: String,
}

/// The whole life of a sheet is as its folder says.
async fn holds(name: &str) {
    let mut sheet = Sheet::made(name).await;
    let before = sheet.exported("csv").await;

    let looked_at = sheet.look().await;
    let mut differences = sheet.differences_of_reading();
    differences.extend(looked_at.differences(&sheet.expected));
    assert_eq!(
        sheet.exported("csv").await,
        before,
        "a look changes nothing"
    );

    let first = sheet.take_over(looked_at.import.clone()).await;
    let after = sheet.exported("csv").await;
    let again = sheet.look().await;
    differences.extend(sheet.differences_of_cameras(&again).await);
    differences.extend(again.other_than_kept());
    assert!(differences.is_empty(), "{}\n", differences.join("\n"));
    sheet.take_over(again.import).await;
    assert_eq!(
        sheet.exported("csv").await,
        after,
        "the same again changes nothing"
    );

    let undo = format!("/api/v1/imports/{}/undo", first["id"]);
    let (status, told) = sheet.world.ask_json("POST", &undo).await;
    assert_eq!(status, 200, "{told}");
    assert_eq!(
        sheet.exported("csv").await,
        before,
        "as if it had never been"
    );

    let anew = sheet.look().await;
    sheet.take_over(anew.import).await;
    assert_eq!(
        sheet.exported("csv").await,
        after,
        "all as it was, ids and codes too"
    );
    for format in ["csv", "xlsx"] {
        let table = sheet.exported(format).await;
        let file = format!("exported.{format}");
        std::fs::write(sheet.world.folder.join(&file), &table).unwrap();
        let back = sheet.look_at(&file, &[]).await;
        differences.extend(back.other_than_kept());
        differences.extend(back.refused(&file));
        sheet.take_over(back.import).await;
        assert_eq!(sheet.exported("csv").await, after, "{file}");
    }
    differences.extend(sheet.secrets_that_were_told());
    assert!(differences.is_empty(), "{}\n", differences.join("\n"));
}

impl Sheet {
    /// Makes the real file, and a gateway that has another camera already.
    async fn made(name: &str) -> Self {
        let builder = World::new(&format!("sheet-{name}")).undeclared();
        let told = make(name, &builder.folder()).await;
        let part = |key: &str| told[key].clone();
        let mut gateway = part("gateway");
        let departments = gateway["departments"].as_array_mut().unwrap();
        for department in departments {
            // Nobody of them is there.
            department["probe"] = json!({"interval": "none"});
        }
        let fixtures = fixtures();
        gateway["gateway"]["regions"] = json!(fixtures.join("regions.geojson"));
        let world = builder
            .config(gateway)
            .environment("SHEETS_NVR_PASSWORD", "Nvr-of-the-sheets")
            .start()
            .await;
        let other = "name,department,url,source_id\n别处,social,rtsp://10.16.250.1/1,BC-1\n";
        world.write("other.csv", other);
        world.import("other.csv", &[]).await;
        Self {
            file: part("file").as_str().unwrap().to_owned(),
            how: part("how"),
            expected: part("expected"),
            world,
            said: String::new(),
        }
    }

    /// Looks at the sheet as its department asks for it.
    async fn look(&mut self) -> Report {
        let asked = self.how["import"].clone();
        let mut more = vec!["--mode", asked["mode"].as_str().unwrap()];
        if let Some(department) = asked["department"].as_str() {
            more.extend(["--department", department]);
        }
        let file = self.file.clone();
        self.look_at(&file, &more).await
    }

    async fn look_at(&mut self, file: &str, more: &[&str]) -> Report {
        let import = self.world.look_at_sheet(file, more).await;
        let path = format!("/api/v1/imports/{}", import["id"]);
        let (mut rows, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = format!("{path}?limit=1000{cursor}");
            let (status, page) = self.world.ask_json("GET", &page).await;
            assert_eq!(status, 200, "{page}");
            self.said += &page.to_string();
            let items = page["rows"]["items"].as_array().unwrap();
            rows.extend(items.iter().cloned());
            let Some(next) = page["rows"]["next"].as_str() else {
                break;
            };
            cursor = format!("&cursor={next}");
        }
        let marked = self.table(&format!("{path}?format=csv"), "csv").await;
        all_is_marked(&rows, &marked);
        self.table(&format!("{path}?format=xlsx"), "xlsx").await;
        let id = import["id"].to_string();
        self.said += &self.world.plain(&["import", "show", &id]).await;
        Report { import, rows }
    }

    async fn take_over(&self, import: Value) -> Value {
        let id = import["id"].to_string();
        let digest = import["digest"].as_str().unwrap();
        let apply = ["import", "apply", &id, "--digest", digest, "--json"];
        self.world.json(&apply).await
    }

    /// The catalogue as a table.
    async fn exported(&mut self, format: &str) -> Vec<u8> {
        self.table(&format!("/api/v1/cameras?format={format}"), format)
            .await
    }

    /// A table that the gateway writes. What it says is noted, and what stands in any part of a workbook.
    async fn table(&mut self, path: &str, format: &str) -> Vec<u8> {
        let answer = self.world.request("GET", path, &[], b"").await;
        assert_eq!(answer.status, 200, "{path}");
        if format == "csv" {
            for cell in cells(&answer.body).concat() {
                let is_number = cell.parse::<f64>().is_ok();
                assert!(
                    is_number || !cell.starts_with(['=', '+', '-', '@']),
                    "computed: {cell}"
                );
            }
            self.said += &answer.text();
            return answer.body;
        }
        let (book, parts) = ["told.xlsx", "told"]
            .map(|name| self.world.folder.join(name))
            .into();
        std::fs::write(&book, &answer.body).unwrap();
        let unpack = ["-m", "zipfile", "-e"].map(AsRef::as_ref);
        let files = [book.as_os_str(), parts.as_os_str()];
        python(&[&unpack[..], &files].concat()).await;
        let sheet = parts.join("xl");
        let cells = std::fs::read_to_string(sheet.join("worksheets/sheet1.xml")).unwrap();
        assert!(
            !cells.contains("<f>") && !cells.contains("<f "),
            "computed: {cells}"
        );
        self.said += &cells;
        self.said += &std::fs::read_to_string(sheet.join("sharedStrings.xml")).unwrap();
        answer.body
    }

    /// Header and columns, where they are not plain.
    fn differences_of_reading(&self) -> Vec<String> {
        let bytes = std::fs::read(self.world.folder.join(&self.file)).unwrap();
        let read = huiju::import::read_sheet(&self.file, &bytes).unwrap();
        let mut differences = Vec::new();
        if let Some(row) = self.expected["header_row"].as_u64()
            && row != read.header_row
        {
            differences.push(format!(
                "the header is in row {}, not {row}",
                read.header_row
            ));
        }
        let columns = self.expected["columns"].as_object();
        for (name, header) in columns.into_iter().flatten() {
            let is_it = |column: &&huiju::import::SheetColumn| {
                column.column.is_some_and(|column| column.name() == name)
            };
            let taken = read.columns.iter().find(is_it);
            let taken = taken.map(|column| json!(column.header));
            if taken.as_ref() != Some(header) {
                differences.push(format!("{name} is read from {taken:?}, not {header}"));
            }
        }
        differences
    }

    /// Nothing that was told holds a password of the sheet.
    fn secrets_that_were_told(&self) -> Vec<String> {
        let told = format!("{}{}", self.said, self.world.log());
        let secrets = self.expected["never_says"].as_array();
        let secrets = secrets.into_iter().flatten().filter_map(Value::as_str);
        let quoted = |text: &str| json!(text).to_string().trim_matches('"').to_owned();
        let is_told = |secret: &&str| told.contains(*secret) || told.contains(&quoted(secret));
        let told = secrets.filter(is_told);
        told.map(|secret| format!("{secret} was told")).collect()
    }
}

/// What is said of each row stands in the last column of the sheet that goes back to its department.
fn all_is_marked(rows: &[Value], marked: &[u8]) {
    let notes: Vec<_> = cells(marked)
        .into_iter()
        .filter_map(|row| row.last().cloned())
        .collect();
    for row in rows {
        for said in ["errors", "warnings"]
            .iter()
            .flat_map(|key| report::list(&row[key]))
        {
            let said = said.as_str().unwrap();
            let is_there = notes.iter().any(|note| note.contains(said));
            assert!(is_there, "{said} is not in the marked sheet");
        }
    }
}

/// The cells of CSV, row by row.
fn cells(csv: &[u8]) -> Vec<Vec<String>> {
    let text = std::str::from_utf8(csv)
        .unwrap()
        .trim_start_matches('\u{feff}');
    let mut reader = csv::ReaderBuilder::new();
    let mut reader = reader
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let rows = reader.records().map(|row| row.unwrap());
    rows.map(|row| row.iter().map(str::to_owned).collect())
        .collect()
}

/// Makes the real file of a sheet in a folder; what there is to know of it.
async fn make(name: &str, folder: &Path) -> Value {
    std::fs::create_dir_all(folder).unwrap();
    let made = judged("make_sheets.py", &[name.as_ref(), folder.as_ref()]).await;
    serde_json::from_slice(&made).unwrap()
}

fn fixtures() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sheets")
}
