//! Rows that are no cameras: sums, and what stands below the table.

use super::line::Line;
use crate::catalog::normalise::narrow;
use crate::import::columns::Column;

/// A row that sums up.
pub(super) fn is_total(line: &Line, columns: &[Option<Column>]) -> bool {
    let Some((_, first)) = line.filled().next() else {
        return false;
    };
    let first = narrow(first).replace(' ', "").to_lowercase();
    let is_sum = TOTALS.iter().any(|word| {
        let rest = first.strip_prefix(word);
        rest.is_some_and(|rest| {
            rest.is_empty() || rest.starts_with([':', '(', '（']) || starts_with_digit(rest)
        })
    });
    is_sum && !has_url(line, columns)
}

/// How many rows at the end are no rows of the table: notes and signatures, and sums among them.
pub(super) fn note_count(below: &[Line], columns: &[Option<Column>]) -> usize {
    let notes = below
        .iter()
        .rev()
        .take_while(|line| is_note(line, columns) || is_total(line, columns));
    notes.count()
}

/// What people write below a table: one cell among many columns, or cells that begin with who signs.
fn is_note(line: &Line, columns: &[Option<Column>]) -> bool {
    let mut filled = line.filled();
    let Some((index, first)) = filled.next() else {
        return false;
    };
    let others = filled.count();
    if has_url(line, columns) || columns.len() < COLUMNS_MIN || (others + 1) * 2 > columns.len() {
        return false;
    }
    is_signed(first) || others == 0 && !may_be_camera(first, columns.get(index).copied().flatten())
}

/// Whether a lone cell may say which camera is meant.
fn may_be_camera(text: &str, column: Option<Column>) -> bool {
    match column {
        Some(
            Column::Url
            | Column::SourceId
            | Column::Id
            | Column::GbCode
            | Column::Ip
            | Column::Serial
            | Column::Mac,
        ) => true,
        Some(Column::Name) => !text.contains([':', '：', ',', '，', '。', ';', '；', '、']),
        _ => false,
    }
}

fn is_signed(text: &str) -> bool {
    let text = narrow(text).replace(' ', "");
    SIGNATURES.iter().any(|word| {
        let rest = text.strip_prefix(word);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
    })
}

/// Whether an address stands where addresses belong, and not who signs.
fn has_url(line: &Line, columns: &[Option<Column>]) -> bool {
    let mut filled = line.filled();
    filled.any(|(index, text)| {
        let column = columns.get(index).copied().flatten();
        column == Some(Column::Url) && narrow(text).contains("//")
    })
}

fn starts_with_digit(text: &str) -> bool {
    text.starts_with(|sign: char| sign.is_ascii_digit())
}

/// A table of fewer columns has no notes: a lone cell is a row of it.
const COLUMNS_MIN: usize = 4;

const TOTALS: &[&str] = &[
    "合计",
    "总计",
    "小计",
    "共计",
    "总数",
    "total",
    "subtotal",
    "grandtotal",
    "sum",
];

const SIGNATURES: &[&str] = &[
    "填表人",
    "填报人",
    "制表人",
    "制表",
    "填表",
    "填报",
    "经办人",
    "审核人",
    "审核",
    "复核人",
    "负责人",
    "单位负责人",
    "审批人",
    "签字",
    "签名",
    "盖章",
    "单位盖章",
    "单位(盖章)",
    "填表日期",
    "填报日期",
    "制表日期",
    "填表时间",
    "填报时间",
    "日期",
    "填表单位",
    "填报单位",
    "制表单位",
    "联系人",
    "联系电话",
    "备注",
    "说明",
    "填表说明",
    "注",
    "注意",
    "注意事项",
    "note",
    "notes",
];

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Option<Column>] = &[
        None,
        Some(Column::Name),
        Some(Column::Department),
        Some(Column::Url),
        Some(Column::SourceId),
        None,
    ];

    #[test]
    fn sums_are_known_and_cameras_are_not_taken_for_them() {
        for (cells, expected) in [
            (&["合计", "18路"] as &[&str], true),
            (&["", "合　计："], true),
            (&["总计18路"], true),
            (&["Total", "18"], true),
            (&["合计", "东门", "", "rtsp://10.0.0.1/1"], false),
            (&["", "合计路东口"], false),
            (&["1", "合计"], false),
        ] {
            assert_eq!(
                is_total(&Line::of(5, cells), COLUMNS),
                expected,
                "{cells:?}"
            );
        }
    }

    #[test]
    fn what_stands_below_a_table_is_no_row_of_it() {
        for (cells, expected) in [
            (&["填表人：张三"] as &[&str], true),
            (&["填表人：张三", "", "", "", "审核人：李四"], true),
            (&["填表人", "张三", "审核人"], true),
            (&["填表人：张三", "", "", "审核人：李四"], true),
            (&["", "以上数据截至6月，由区教育局提供。"], true),
            (&["", "", "", "", "", "2025年6月30日"], true),
            (&["填表人：张三", "1", "2", "rtsp://10.0.0.1/1"], false),
            (&["", "天元小学东门"], false),
            (&["", "", "", "10.0.0.1/1"], false),
            (&["", "", "", "", "JY-0001"], false),
            (&["", "天元小学东门", "区教育局"], false),
        ] {
            assert_eq!(is_note(&Line::of(5, cells), COLUMNS), expected, "{cells:?}");
        }
    }
}
