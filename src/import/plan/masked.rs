//! A sheet that comes back with its problems has `****` for each password: it means the one that is known.

use crate::import::card::MASK;
use crate::import::columns::Column;
use crate::import::record::Row;
use crate::import::url::split_url;
use crate::problem::Problem;

/// Takes a masked password out of a row; returns whether there was one.
pub(super) fn take_masked_password(row: &mut Row) -> bool {
    let mut was_masked = row.text(Column::Password) == Some(MASK);
    if was_masked {
        row.fields.remove(&Column::Password);
    }
    let in_url = row.text(Column::Url).and_then(split_url);
    if let Some((location, Some((user, password)))) = in_url
        && password.expose() == MASK
    {
        was_masked = true;
        row.put(Column::Url, location.whole().expose());
        if !row.has(Column::Username) {
            row.put(Column::Username, &user);
        }
    }
    was_masked
}

/// A password that was masked and is not known cannot be taken.
pub(super) fn check_known(row: &Row) -> Result<(), Vec<Problem>> {
    if row.has(Column::Password) || row.has(Column::Credential) {
        return Ok(());
    }
    let message = "password: is masked, and none is known for this user and host: write it out";
    Err(vec![row.problem(None, message.to_owned())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_masked_is_no_password() {
        let row = |fields: &[(Column, &str)]| {
            let fields = fields
                .iter()
                .map(|(column, text)| (*column, (*text).to_owned()));
            Row::of_fields("x.csv", fields)
        };
        let mut in_column = row(&[(Column::Username, "admin"), (Column::Password, "****")]);
        assert!(take_masked_password(&mut in_column));
        assert!(!in_column.has(Column::Password));
        let mut in_url = row(&[(Column::Url, "rtsp://admin:****@10.11.0.1:554/1?token=****")]);
        assert!(take_masked_password(&mut in_url));
        assert_eq!(
            in_url.text(Column::Url),
            Some("rtsp://10.11.0.1:554/1?token=****")
        );
        assert_eq!(in_url.text(Column::Username), Some("admin"));
        let mut written = row(&[(Column::Password, "*****")]);
        assert!(!take_masked_password(&mut written));
        assert!(check_known(&written).is_ok() && check_known(&in_url).is_err());
    }
}
