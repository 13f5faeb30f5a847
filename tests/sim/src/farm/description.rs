//! A session description as a camera holds it: lines that an oddity can change, and which track each media line is.

use encoding_rs::GBK;

/// What a camera answers to DESCRIBE, and what SETUP finds by it.
#[derive(Debug, Clone, Default, Eq, PartialEq)]
pub(super) struct Description {
    /// The lines before the first media line.
    pub(super) session: Vec<String>,
    pub(super) media: Vec<Media>,
    /// Its form on the wire.
    pub(super) form: Form,
    /// The header that says what controls are relative to, and its value.
    pub(super) base: Option<(&'static str, String)>,
    /// Its media type; [`NO_CONTENT_TYPE`] for a body that does not say.
    pub(super) content_type: &'static str,
}

/// How a description is written.
#[derive(Debug, Clone, Eq, PartialEq)]
pub(super) struct Form {
    pub(super) line_end: &'static str,
    /// What stands before the first line and after the last one.
    pub(super) head: &'static str,
    pub(super) tail: &'static str,
    pub(super) is_gbk: bool,
    /// What is sent in place of the lines.
    pub(super) replacement: Option<&'static str>,
}

impl Default for Form {
    fn default() -> Self {
        Self {
            line_end: "\r\n",
            head: "",
            tail: "",
            is_gbk: false,
            replacement: None,
        }
    }
}

/// A media line and those that belong to it.
#[derive(Debug, Clone, Default, Eq, PartialEq)]
pub(super) struct Media {
    /// The line itself, and the others.
    pub(super) lines: Vec<String>,
    /// The track of the camera that it is; `None` for one of which nothing is ever sent.
    pub(super) track: Option<usize>,
    /// The payload type of its packets.
    pub(super) payload_type: u8,
}

impl Description {
    /// Returns the body as it goes over the wire.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let form = &self.form;
        if let Some(text) = form.replacement {
            return text.as_bytes().to_vec();
        }
        let lines: Vec<&str> = self
            .session
            .iter()
            .chain(self.media.iter().flat_map(|media| &media.lines))
            .map(String::as_str)
            .collect();
        let ends = if form.tail == NO_LAST_END {
            ("", "")
        } else {
            (form.line_end, form.tail)
        };
        let text = format!(
            "{}{}{}{}",
            form.head,
            lines.join(form.line_end),
            ends.0,
            ends.1
        );
        if form.is_gbk {
            GBK.encode(&text).0.into_owned()
        } else {
            text.into_bytes()
        }
    }

    /// Finds the media that a SETUP for `path` means, of a camera at `own`.
    ///
    /// Clients put controls together with what they are relative to in several ways, and cameras accept it: only the end of
    /// the path counts.
    pub(super) fn find(&self, path: &str, own: &str) -> Option<usize> {
        let own = own.trim_end_matches('/');
        self.media.iter().position(|media| match media.control() {
            None | Some("") => path == own,
            // Some clients take it for a name.
            Some("*") => path == own || path.ends_with("/*"),
            Some(control) => match control.split_once("://") {
                Some((_, rest)) => rest.find('/').is_some_and(|at| path == &rest[at..]),
                None => path
                    .strip_suffix(control)
                    .is_some_and(|rest| rest.is_empty() || rest.ends_with('/')),
            },
        })
    }
}

/// As [`Description::content_type`]: the header is missing.
pub(super) const NO_CONTENT_TYPE: &str = "none";

/// As [`Form::tail`]: the last line has no end.
pub(super) const NO_LAST_END: &str = "no end";

impl Media {
    /// Returns its control.
    fn control(&self) -> Option<&str> {
        let line = self
            .lines
            .iter()
            .find_map(|line| line.strip_prefix("a=control:"));
        line.map(str::trim)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn description(control: &str) -> Description {
        let lines = vec!["m=video 0 RTP/AVP 96".to_owned(), control.to_owned()];
        let media = Media {
            lines,
            track: Some(0),
            payload_type: 96,
        };
        Description {
            media: vec![media],
            ..Description::default()
        }
    }

    #[test]
    fn a_media_line_is_found_by_its_control() {
        let relative = description("a=control:trackID=0");
        assert_eq!(relative.find("/live/trackID=0", "/live"), Some(0));
        assert_eq!(relative.find("/trackID=0", "/live"), Some(0));
        assert_eq!(relative.find("/live/xtrackID=0", "/live"), None);
        assert_eq!(relative.find("/live", "/live"), None);
        assert_eq!(relative.find("trackID=0", "/live"), Some(0));
        let absolute = description("a=control:rtsp://h:1/live/video");
        assert_eq!(absolute.find("/live/video", "/live"), Some(0));
        assert_eq!(absolute.find("/video", "/live"), None);
        for path in ["/live", "/live/*"] {
            assert_eq!(description("a=control:*").find(path, "/live"), Some(0));
        }
        assert_eq!(description("a=x").find("/live", "/live"), Some(0));
    }

    #[test]
    fn the_form_says_how_lines_end() {
        let mut odd = description("a=x");
        odd.form.line_end = "\n";
        odd.form.tail = "\0";
        assert_eq!(odd.to_bytes(), b"m=video 0 RTP/AVP 96\na=x\n\0");
        odd.form.tail = NO_LAST_END;
        assert_eq!(odd.to_bytes(), b"m=video 0 RTP/AVP 96\na=x");
    }
}
