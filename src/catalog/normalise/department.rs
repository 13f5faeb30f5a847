//! Names of departments, with more or less before them than their own.

use crate::catalog::Department;

/// The one department that a name means which is not its own: with more or less of the place before it (`教育局`, `天元区教育局`
/// and `株洲市天元区教育局` for 区教育局), or with its usual short form (`城管局`). Rights hang on it: a likeness is nothing, and a
/// name with a district in it is ours only if that is one of `districts`.
pub fn department<'a>(
    text: &str,
    departments: &'a [Department],
    districts: &[&str],
) -> Option<&'a Department> {
    if departments.iter().any(|known| known.is_called(text)) {
        return None;
    }
    let named: String = text.split_whitespace().collect();
    let (district, stem) = split_place(&named, districts);
    if stem.chars().count() < STEM_CHARS_MIN {
        return None;
    }
    let mut meant = departments.iter().filter(|known| {
        let (of_known, known) = split_place(&known.name, districts);
        let is_ours = match (district, of_known) {
            (None, _) => true,
            (Some(_), None) => districts.len() == 1,
            (Some(district), Some(of_known)) => district == of_known,
        };
        is_ours && is_same(stem, known)
    });
    match (meant.next(), meant.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}

/// A name without the place that it begins with: one of `districts`, with or without what that lies in, or a bare 区 or 县.
pub fn without_place<'a>(name: &'a str, districts: &[&str]) -> &'a str {
    split_place(name, districts).1
}

/// The district that a name begins with, where it is one of `districts`, and the name without its place.
fn split_place<'a, 'd>(name: &'a str, districts: &[&'d str]) -> (Option<&'d str>, &'a str) {
    let of_district = districts.iter().find_map(|district| {
        let (before, rest) = name.split_once(district)?;
        let is_place = before.is_empty() || before.ends_with(['市', '州', '省']);
        is_place.then_some((Some(*district), rest))
    });
    let bare = || name.strip_prefix(['区', '县']).unwrap_or(name);
    of_district.unwrap_or_else(|| (None, bare()))
}

fn is_same(stem: &str, known: &str) -> bool {
    let is_behind_a_place = known
        .strip_suffix(stem)
        .is_some_and(|place| place.ends_with(['区', '县']) && !place.ends_with("社区"));
    let whole = |name| {
        let found = SHORT_FORMS.iter().find(|(short, _)| *short == name);
        found.map_or(&[][..], |(_, whole)| whole)
    };
    stem == known
        || is_behind_a_place
        || whole(stem).contains(&known)
        || whole(known).contains(&stem)
}

/// A rest of one or two characters, such as 局, names nothing.
const STEM_CHARS_MIN: usize = 3;

const SHORT_FORMS: [(&str, &[&str]); 5] = [
    (
        "城管局",
        &[
            "城市管理局",
            "城市管理和综合执法局",
            "城市管理综合执法局",
            "城市管理行政执法局",
        ],
    ),
    ("卫健局", &["卫生健康局"]),
    ("卫健委", &["卫生健康委员会"]),
    ("住建局", &["住房和城乡建设局", "住房城乡建设局"]),
    ("管委会", &["管理委员会"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_department_may_have_more_or_less_of_its_place_before_it() {
        let known = departments(&[
            ("education", "区教育局"),
            ("health", "天元区卫生健康局"),
            ("urban_management", "区城市管理和综合执法局"),
            ("social", "社会面"),
        ]);
        for (text, expected) in [
            ("教育局", Some("education")),
            ("天元区教育局", Some("education")),
            ("株洲市天元区教育局", Some("education")),
            ("湖南省株洲市天元区教育局", Some("education")),
            ("区 教育局", Some("education")),
            ("区卫生健康局", Some("health")),
            ("卫健局", Some("health")),
            ("城管局", Some("urban_management")),
            ("区城管局", Some("urban_management")),
            ("天元区社会面", Some("social")),
            // That is its own name.
            ("区教育局", None),
            ("EDUCATION", None),
            // Another's, or nobody's.
            ("渌口区教育局", None),
            ("市教育局", None),
            ("教体局", None),
            ("教育局、卫健局", None),
            ("城管和综合执法大队", None),
            ("社会资源", None),
            ("局", None),
            ("天元区", None),
            ("", None),
        ] {
            let found = department(text, &known, &["天元区"]);
            assert_eq!(found.map(|known| known.id.as_str()), expected, "{text}");
        }
        assert_eq!(department("天元区教育局", &known, &[]), None);
    }

    #[test]
    fn a_name_that_two_departments_may_have_means_neither() {
        let known = departments(&[("a", "天元区教育局"), ("b", "渌口区教育局")]);
        assert_eq!(department("教育局", &known, &[]), None);
        let both = ["天元区", "渌口区"];
        let found = department("株洲市渌口区教育局", &known, &both);
        assert_eq!(found.map(|known| known.id.as_str()), Some("b"));
        let (one, bare) = (&known[..1], departments(&[("c", "区教育局")]));
        assert_eq!(department("株洲市渌口区教育局", one, &both), None);
        assert_eq!(
            department("渌口区教育局", &bare, &both),
            None,
            "whose is it?"
        );
    }

    fn departments(names: &[(&str, &str)]) -> Vec<Department> {
        let department = |(id, name): &(&str, &str)| Department {
            id: (*id).to_owned(),
            name: (*name).to_owned(),
            ..Department::sample()
        };
        names.iter().map(department).collect()
    }
}
