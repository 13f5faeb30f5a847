#!/usr/bin/env python3
"""Makes the real file of a sheet of tests/fixtures/sheets, by libraries that are not ours.

  make_sheets.py SHEET FOLDER

Writes `SHEET.csv`, `.xlsx` or `.yaml` into FOLDER, and prints as JSON what the test needs to know of it: `file`, `how`
(its sheet.yaml), `expected` (its expected.yaml) and `gateway` (that of all sheets).
"""
import csv
import hashlib
import io
import json
import pathlib
import re
import sys
import zipfile
from xml.sax.saxutils import escape

import yaml
from openpyxl import Workbook
from openpyxl.utils import get_column_letter

SHEETS = pathlib.Path(__file__).parent.parent / "fixtures" / "sheets"
NEWLINES = {"lf": "\n", "crlf": "\r\n"}
PYTHON_NAMES = {"utf-8-bom": "utf-8-sig"}


def main(sheet, folder):
    folder = pathlib.Path(folder)
    how = read_yaml(SHEETS / sheet / "sheet.yaml")
    expected = read_yaml(SHEETS / sheet / "expected.yaml")
    file = f"{sheet}.{how['format']}"
    (folder / file).write_bytes(content(SHEETS / sheet, how, expected))
    gateway = read_yaml(SHEETS / "gateway.yaml")
    told = {"file": file, "how": how, "expected": expected, "gateway": gateway}
    print(json.dumps(told, default=str, ensure_ascii=False))


def read_yaml(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def content(folder, how, expected):
    if how.get("content") == "generated":
        return as_csv(how, thousand_rows(how))
    if "content" in how:
        return (folder / how["content"]).read_bytes()
    text = (folder / "sheet.csv").read_bytes().decode()
    text = re.sub(r"\{U\+([0-9A-F]{4,6})\}", lambda code: chr(int(code[1], 16)), text)
    rows = list(csv.reader(io.StringIO(text, newline="")))
    return as_csv(how, rows) if how["format"] == "csv" else as_xlsx(how["xlsx"], rows, expected["header_row"])


def as_csv(how, rows):
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=NEWLINES[how["newline"]]).writerows(rows)
    encoded = text.getvalue().encode(PYTHON_NAMES.get(how["encoding"], how["encoding"]))
    if "sha256" in how:
        assert hashlib.sha256(encoded).hexdigest() == how["sha256"], "the recipe was not followed"
    return encoded[: len(encoded) - how.get("cut", 0)]


def as_xlsx(how, rows, header_row):
    book = Workbook()
    first = book.active
    first.title = how["name"]
    for number, row in enumerate(rows, 1):
        for place, text in enumerate(row, 1):
            if text:
                put(first.cell(number, place), text, kind_of(how, number, place, header_row))
    for cells in how.get("merged", []):
        first.merge_cells(cells)
    for column in how.get("hidden_columns", []):
        first.column_dimensions[column].hidden = True
    for row in how.get("hidden_rows", []):
        first.row_dimensions[row].hidden = True
    for other in how.get("other_sheets", []):
        sheet = book.create_sheet(other["name"])
        for row in other["rows"]:
            sheet.append(row)
    written = io.BytesIO()
    book.save(written)
    cells = how.get("cells", {}).items()
    formulas = {cell: own["formula"] for cell, own in cells if "formula" in own}
    texts = {cell: first[cell].value for cell in formulas}
    return with_formulas(written.getvalue(), formulas, texts)


def with_formulas(book, formulas, texts):
    """Puts formulas before the texts that they have come to, as Excel keeps them; the library keeps one or the other."""
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as old, zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            part = old.read(name)
            if name == "xl/worksheets/sheet1.xml":
                part = part.decode()
                for cell, formula in formulas.items():
                    is_now = rf'<c r="{cell}"[^>]*><is><t>[^<]*</t></is></c>'
                    becomes = f'<c r="{cell}" t="str"><f>{escape(formula)}</f><v>{escape(texts[cell])}</v></c>'
                    part, found = re.subn(is_now, lambda _: becomes, part)
                    assert found == 1, cell
                part = part.encode()
            new.writestr(name, part)
    return written.getvalue()


def kind_of(how, number, place, header_row):
    letter = get_column_letter(place)
    own = how.get("cells", {}).get(f"{letter}{number}", {})
    of_column = how["columns"].get(letter) if number > header_row else None
    return own.get("type") or of_column or "text"


def put(cell, text, kind):
    is_number = re.fullmatch(r"-?[0-9.]+(E\+\d+)?", text)
    if kind in ("number", "date") and is_number:
        cell.value = float(text) if re.search("[.E]", text) else int(text)
        if kind == "date":
            cell.number_format = "yyyy-mm-dd"
    elif kind == "boolean":
        cell.value = text == "TRUE"
    else:
        cell.value = text
        cell.data_type = "e" if kind == "error" else "s"


def thousand_rows(how):
    """The rows of sheet 12, by the recipe in its README."""
    state = how["seed"]

    def draw(count):
        nonlocal state
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (state >> 33) % count

    wide = str.maketrans("0123456789.", "０１２３４５６７８９．")
    latin = {"海康威视": "HIKVISION", "大华": "Dahua", "宇视": "UNIVIEW"}
    header = "名称,所属部门,主码流地址,编号,点位类型,经度,纬度,坐标系,厂商,安装时间,联系方式".split(",")
    rows = [header]
    for i in range(1, how["rows"] + 1):
        kind = ["超市", "药店", "网吧", "加油站", "小区"][draw(5)]
        spot = ["门口", "收银台", "后门", "停车场"][draw(4)]
        position = [f"{millionths / 10**6:.6f}" for millionths in (113060000 + draw(80000), 27810000 + draw(40000))]
        vendor = list(latin)[draw(3)]
        year, month, day = 2016 + draw(10), 1 + draw(12), 1 + draw(28)
        if i % 10 == 0:
            position.reverse()
        if i % 7 == 0:
            position = [number.translate(wide) for number in position]
        net = 17 if i % 97 == 0 else 16
        url = f"rtsp://10.{net}.{100 + i // 250}.{1 + i % 250}/Streaming/Channels/101"
        rows.append([
            f"{kind}{i}号{spot}",
            "天元区社会面" if i % 19 == 0 else "社会面",
            "" if i % 50 == 0 else url,
            f"SC{i:05}",
            "三类" if i % 17 == 0 else "3",
            *position,
            "wgs84",
            latin[vendor] if i % 11 == 0 else vendor,
            f"{year}年{month}月{day}日" if i % 13 == 0 else f"{year}-{month:02}-{day:02}",
            f"138{i:08}",
        ])
        if i % 23 == 0:
            rows.append([""] * len(header))
    return rows


if __name__ == "__main__":
    main(*sys.argv[1:])
