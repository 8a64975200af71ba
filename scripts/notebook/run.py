"""Runs a notebook headless: parameters injected after the cell tagged `parameters`, the partial result kept on failure.

usage: run.py NOTEBOOK OUT PARAMETERS_JSON KERNEL; prints one JSON line {ok, cells, failedCell?, error?}
"""
import difflib
import json
import os
import sys

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError


def refuse(error):
    print(json.dumps({"ok": False, "cells": 0, "error": error}))
    sys.exit(0)


def parameter_name(line):
    head = line.split("=", 1)[0]
    return head.replace("const", "").replace("let", "").strip().split(":")[0].strip()


def literal(value):
    return json.dumps(value, ensure_ascii=False)


def inject(notebook, parameters):
    if not parameters:
        return
    cells = notebook.cells
    at = next((i for i, c in enumerate(cells) if "parameters" in c.metadata.get("tags", [])), None)
    if at is None:
        refuse("the notebook takes no parameters: no cell is tagged 'parameters'")
    # TypeScript consts cannot be set twice: the assignment itself is replaced.
    lines = cells[at].source.split("\n")
    names = [parameter_name(line) for line in lines if "=" in line]
    for name, value in parameters.items():
        if name not in names:
            near = difflib.get_close_matches(name, names, 1)
            refuse(f"no parameter '{name}'{f'; did you mean {near[0]!r}?' if near else ''} Known: {', '.join(names)}")
        for i, line in enumerate(lines):
            if "=" in line and parameter_name(line) == name:
                lines[i] = f"{line.split('=', 1)[0]}= {literal(value)};"
    cells[at].source = "\n".join(lines)


def main():
    path, out, parameters, kernel = sys.argv[1:5]
    notebook = nbformat.read(path, as_version=4)
    inject(notebook, json.loads(parameters))
    folder = os.path.dirname(os.path.abspath(path))
    current = {"index": None}

    def started(cell, cell_index):
        current["index"] = cell_index

    client = NotebookClient(notebook, kernel_name=kernel, timeout=None, record_timing=False, resources={"metadata": {"path": folder}}, on_cell_start=started)
    result = {"ok": True, "cells": sum(c.cell_type == "code" for c in notebook.cells)}
    try:
        client.execute()
    except (CellExecutionError, DeadKernelError) as error:
        lines = [line for line in str(error).split("\n") if "Error" in line and "CellExecutionError" not in line]
        result.update(ok=False, failedCell=current["index"], error=lines[0].strip() if lines else type(error).__name__)
    nbformat.write(notebook, out)
    print(json.dumps(result))


main()
