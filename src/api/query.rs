//! What queries have in common: how long a page is, and names out of closed lists.

use super::problem::Problem;
use crate::catalog::Catalog;
use crate::problem::none_of;

/// How many items a page has.
pub(super) fn page_limit(wanted: Option<usize>) -> Result<usize, Problem> {
    let limit = wanted.unwrap_or(PAGE_USUAL);
    let is_one = (1..=PAGE_MAX).contains(&limit);
    is_one.then_some(limit).ok_or_else(|| {
        let message = format!("limit must be 1 to {PAGE_MAX}");
        Problem::bad_request(message)
    })
}

/// The one of `all` that has that name; `what` they are is told where none has.
pub(super) fn named<T: Copy>(
    what: &str,
    name: &str,
    all: &[T],
    name_of: impl Fn(T) -> &'static str,
) -> Result<T, Problem> {
    let found = all.iter().copied().find(|one| name_of(*one) == name);
    found.ok_or_else(|| {
        let known = all.iter().map(|one| name_of(*one));
        unknown(what, name, known)
    })
}

/// A department that is none is a slip: an empty answer would hide it.
pub(super) fn check_department(id: &str, catalog: &Catalog) -> Result<(), Problem> {
    if catalog.department(id).is_some() {
        return Ok(());
    }
    let known = catalog.departments().iter().map(|d| d.id.as_str());
    Err(unknown("department", id, known))
}

fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> Problem {
    Problem::bad_request(format!("{what}: {}", none_of(name, what, known)))
}

const PAGE_USUAL: usize = 100;
const PAGE_MAX: usize = 1000;
