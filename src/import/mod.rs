//! Inventory files to records: CSV (UTF-8 with or without BOM, GB18030) and YAML; spreadsheets of departments: `sheet`.
//!
//! A file that cannot be read, has no rows or a wrong header is an error as a whole; an error in a row
//! refuses that row and no other.

mod card;
mod clean;
mod columns;
mod csv_file;
mod datums;
mod details;
mod distinct;
mod export;
mod hint;
mod marked;
mod plan;
mod record;
mod sheet;
mod stream;
mod text;
mod url;
mod yaml_file;

use std::path::Path;

pub use card::{Card, Change};
pub use clean::{Cleaned, Guess, Guesses, Terms, Warning, clean};
pub use columns::{Column, NoColumn};
pub use datums::settle_datums;
pub use distinct::distinguish_names;
pub use export::sheet_of;
pub use hint::{Hint, hint};
pub use marked::marked;
pub use plan::{Action, Known, Mode, Plan, PlannedRow, Request, TooManyMissing, edit, plan, tag};
pub use record::{Row, to_record};
pub use sheet::{
    Line, Sheet, SheetColumn, Skipped, Unwritable, Why, read_sheet, write_csv, write_xlsx,
};

use record::Field;

use crate::catalog::Department;
use crate::problem::Problem;

/// The rows of a file, or all that is wrong with it as a whole.
type Read = Result<Vec<Row>, Vec<Problem>>;

/// Reads the rows of an inventory file; its name says which kind it is.
///
/// # Errors
///
/// The file as a whole cannot be used: all that is wrong with it.
pub fn read_rows(path: &Path) -> Read {
    let name = path.display().to_string();
    let fail = |message: String| vec![Problem::whole(&name, message)];
    let extension = path
        .extension()
        .and_then(|extension| extension.to_str())
        .unwrap_or_default();
    let read: fn(&str, &[u8]) -> Read = match extension.to_ascii_lowercase().as_str() {
        "csv" => csv_file::read,
        "yaml" | "yml" => yaml_file::read,
        _ => return Err(fail("is neither .csv nor .yaml".to_owned())),
    };
    let length = std::fs::metadata(path)
        .map_err(|error| fail(error.to_string()))?
        .len();
    if length > FILE_BYTES_MAX {
        return Err(fail(format!("is larger than {} MiB", FILE_BYTES_MAX >> 20)));
    }
    let bytes = std::fs::read(path).map_err(|error| fail(error.to_string()))?;
    let rows = read(&name, &bytes)?;
    if rows.is_empty() {
        return Err(fail(
            "has no rows: a truncated file changes nothing".to_owned(),
        ));
    }
    if rows.len() > ROWS_MAX {
        return Err(fail(format!("has more than {ROWS_MAX} rows")));
    }
    Ok(rows)
}

/// A file that holds passwords and can be read by others is refused.
pub fn exposed_secret(path: &Path, rows: &[Row]) -> Option<Problem> {
    use std::os::unix::fs::PermissionsExt;
    let has_secret = rows.iter().any(Row::has_secret);
    let mode = std::fs::metadata(path)
        .map(|metadata| metadata.permissions().mode())
        .unwrap_or(0);
    let file = path.display().to_string();
    (has_secret && mode & 0o007 != 0).then(|| {
        let message = format!("holds passwords and can be read by others: chmod 0600 {file}");
        Problem::whole(&file, message)
    })
}

/// What is taken from a file and should not be there: each thing once, where it is first.
pub fn warnings(rows: &[Row], departments: &[Department]) -> Vec<Problem> {
    let fields = |column| {
        let fields = rows.iter().map(move |row| (row, row.fields.get(&column)));
        fields.filter_map(|(row, field)| Some((row, field?)))
    };
    let warning = |(row, field): (&Row, &Field), message: &str| {
        Problem::warning(&row.file, field.line, field.column, message)
    };
    let password = fields(Column::Password).next();
    let mut warnings: Vec<_> = password
        .map(|place| warning(place, PASSWORD_IN_FILE))
        .into_iter()
        .collect();
    for department in departments.iter().filter(|d| d.networks.is_empty()) {
        let mut named = fields(Column::Department);
        if let Some(place) = named.find(|(_, field)| department.is_called(&field.text)) {
            let message = format!(
                "department: `{}` has no networks, so only private addresses are taken: name its \
                 networks in the configuration",
                department.id
            );
            warnings.push(warning(place, &message));
        }
    }
    warnings.sort_by_key(Problem::place);
    warnings
}

const PASSWORD_IN_FILE: &str = "password: is a column for imports: write user and password into the \
                                department's credentials, and their name into the column credential";

const FILE_BYTES_MAX: u64 = 32 << 20;
const ROWS_MAX: usize = 100_000;
