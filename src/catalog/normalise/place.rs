//! Kinds of places.

/// The place that a number of GB/T 28181-2016 annex A (PositionType) means: `10`, `10-交通干线`. Other text stays.
pub fn place_type(text: &str) -> Option<String> {
    let end = text.find(|sign: char| !sign.is_ascii_digit());
    let (number, rest) = text.split_at_checked(end.unwrap_or(text.len()))?;
    let at: usize = number.parse().ok()?;
    let name = PLACES.get(at.checked_sub(1)?)?;
    let rest = rest.trim_start_matches([' ', '-', '.', '、', ':', '：']);
    (rest.is_empty() || rest == *name).then(|| (*name).to_owned())
}

/// Whether the law allows no camera in that place: the inside of rooms where people live, wash and change (State Council Order
/// 799, article 8). What is beside such a room is another place: `宿舍楼大门`, `更衣室门外`.
pub fn is_forbidden_place(text: &str) -> bool {
    let lower = text.to_lowercase();
    if ENGLISH_ROOMS.iter().any(|room| lower.contains(room)) {
        return true;
    }
    // `宿舍楼大门2号` is no more inside than `宿舍楼大门`.
    let place = lower.trim_end_matches(|sign: char| sign.is_ascii_digit() || "号# ".contains(sign));
    let rooms = |rooms: &[&str]| rooms.iter().any(|room| place.contains(room));
    let is_beside = |ends: &[&str]| ends.iter().any(|end| place.ends_with(end));
    let of_privacy = rooms(&PRIVATE_ROOMS) && !is_beside(&BESIDE);
    let of_quarters = rooms(&QUARTERS) && !is_beside(&BESIDE) && !is_beside(&PUBLIC_PARTS);
    of_privacy || of_quarters
}

const PLACES: [&str; 10] = [
    "省际检查站",
    "党政机关",
    "车站码头",
    "中心广场",
    "体育场馆",
    "商业中心",
    "宗教场所",
    "校园周边",
    "治安复杂区域",
    "交通干线",
];

const PRIVATE_ROOMS: [&str; 13] = [
    "浴室",
    "淋浴",
    "澡堂",
    "卫生间",
    "厕所",
    "洗手间",
    "更衣",
    "换衣",
    "试衣",
    "母婴",
    "哺乳",
    "包间",
    "包厢",
];
const QUARTERS: [&str; 3] = ["宿舍", "寝室", "客房"];
const ENGLISH_ROOMS: [&str; 7] = [
    "guest_room",
    "guest room",
    "dormitory",
    "bathroom",
    "changing",
    "nursing",
    "toilet",
];
/// What a place ends with that is not in the room.
const BESIDE: [&str; 10] = [
    "外", "门", "门口", "走廊", "过道", "通道", "外墙", "围墙", "围挡", "外围",
];
/// What a house has for all who live in it.
const PUBLIC_PARTS: [&str; 10] = [
    "大厅",
    "门厅",
    "大堂",
    "楼道",
    "楼梯",
    "楼梯间",
    "电梯",
    "电梯厅",
    "入口",
    "出口",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_place_of_the_standard() {
        for (text, expected) in [
            ("1", Some("省际检查站")),
            ("10", Some("交通干线")),
            ("8-校园周边", Some("校园周边")),
            ("9.治安复杂区域", Some("治安复杂区域")),
            ("0", None),
            ("11", None),
            ("8号楼", None),
            ("交通干线", None),
            ("工地", None),
            ("", None),
        ] {
            assert_eq!(place_type(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn the_inside_of_rooms_is_forbidden_and_what_is_beside_them_is_not() {
        for text in [
            "宿舍",
            "工人宿舍",
            "学生宿舍楼",
            "宿舍201",
            "更衣室",
            "女更衣室",
            "浴室",
            "浴室大厅",
            "客房",
            "哺乳室",
            "母婴室",
            "公共卫生间",
            "包间",
            "校外宿舍",
            "Dormitory",
            "changing room",
        ] {
            assert!(is_forbidden_place(text), "{text}");
        }
        for text in [
            "宿舍楼大门",
            "宿舍区大门2",
            "宿舍楼走廊",
            "宿舍楼大厅",
            "更衣室门外",
            "公共卫生间门口",
            "宾馆大堂",
            "校门",
            "工地",
            "",
        ] {
            assert!(!is_forbidden_place(text), "{text}");
        }
    }
}
