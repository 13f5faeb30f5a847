//! The secrets, and where and in which forms they are looked for.

/// None of the secrets is in there in any form, but those of `but`.
pub(crate) fn assert_clean(place: &str, bytes: &[u8], but: &[&str]) {
    for secret in CANARIES.iter().filter(|secret| !but.contains(secret)) {
        for form in forms(secret) {
            let at = bytes
                .windows(form.len())
                .position(|window| window == form.as_bytes());
            let around = |at: usize| {
                let line = bytes[..at]
                    .iter()
                    .rposition(|byte| *byte == b'\n')
                    .map_or(0, |at| at + 1);
                String::from_utf8_lossy(
                    &bytes[line.max(at.saturating_sub(400))..(at + 200).min(bytes.len())],
                )
                .into_owned()
            };
            assert!(
                at.is_none(),
                "{secret} is in {place}: {}",
                around(at.unwrap_or_default())
            );
        }
    }
}

/// A secret as it stands, as in a URL, as in JSON within text, and in base64 wherever it begins in there.
fn forms(secret: &str) -> Vec<String> {
    let mut forms = vec![
        secret.to_owned(),
        percent(secret),
        percent(secret).to_lowercase(),
    ];
    for skipped in 0..3 {
        let whole = base64(&[&vec![0; skipped], secret.as_bytes()].concat());
        // The letters at the ends depend on what is beside it.
        forms.push(whole[4 * usize::from(skipped > 0)..whole.len() - 4].to_owned());
    }
    forms
}

/// Text as it stands in a URL.
pub(crate) fn percent(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(escape).collect()
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |three: &[u8]| -> String {
        let number = (0..3).fold(0_u32, |sum, at| {
            sum << 8 | u32::from(*three.get(at).unwrap_or(&0))
        });
        (0..4)
            .map(|at| char::from(DIGITS[(number >> (18 - 6 * at)) as usize & 63]))
            .collect()
    };
    bytes.chunks(3).map(group).collect()
}

#[test]
fn every_form_of_a_secret_is_found() {
    assert_eq!(base64(b"viewer:kanary"), "dmlld2VyOmthbmFyeQAA");
    for before in ["viewer:", "viewer1:", "viewer12:"] {
        let header = base64(format!("{before}{IN_URL}").as_bytes());
        let found = forms(IN_URL).iter().any(|form| header.contains(form));
        assert!(found, "{before}");
    }
    for text in [IN_URL, "kanary-in%40url-01"] {
        let found = std::panic::catch_unwind(|| assert_clean("a test", text.as_bytes(), &[]));
        assert!(found.is_err(), "{text}");
    }
}

pub(crate) const IN_FILE: &str = "kanary-in@file-02";
pub(crate) const IN_ENVIRONMENT: &str = "kanary-in@environment-03";
pub(crate) const IN_SERVICE: &str = "kanary-in@service-04";
pub(crate) const REFUSED: &str = "kanary-is@refused-05";
pub(crate) const IN_URL: &str = "kanary-in@url-01";
pub(crate) const IN_COLUMN: &str = "kanary-in@column-06";
pub(crate) const IN_CREDENTIAL: &str = "kanary-in@credential-07";
pub(crate) const IN_QUERY: &str = "kanary-in-query-08";
pub(crate) const IN_PATH: &str = "kanary-in-path-09";
pub(crate) const WRONG: &str = "kanary-is@wrong-10";
pub(crate) const OF_SPY: &str = "kanary-of@spy-11";
pub(crate) const ROTATED_FILE: &str = "kanary-in@file-12";
pub(crate) const ROTATED_COLUMN: &str = "kanary-in@column-13";
pub(crate) const WRONG_PLACE: &str = "kanary-at@place-14";
pub(crate) const IN_TOKEN: &str = "kanary-in-token-of-the-api-0000000015";
pub(crate) const ROTATED_TOKEN: &str = "kanary-in-token-of-the-api-0000000016";
const CANARIES: [&str; 16] = [
    IN_TOKEN,
    ROTATED_TOKEN,
    IN_FILE,
    IN_ENVIRONMENT,
    IN_SERVICE,
    REFUSED,
    IN_URL,
    IN_COLUMN,
    IN_CREDENTIAL,
    IN_QUERY,
    IN_PATH,
    WRONG,
    OF_SPY,
    ROTATED_FILE,
    ROTATED_COLUMN,
    WRONG_PLACE,
];
