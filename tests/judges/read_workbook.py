"""Reads a workbook by openpyxl and prints its first sheet as JSON: rows of [kind, text]."""

import json
import sys

import openpyxl

sheet = openpyxl.load_workbook(sys.argv[1]).worksheets[0]
rows = [
    [[cell.data_type, "" if cell.value is None else str(cell.value)] for cell in row]
    for row in sheet.iter_rows()
]
print(json.dumps(rows))
