"""tsv: what is written is read back as text, whatever a subject is called."""

import pandas as pd

from ricenet.provenance import tsv


def test_a_table_is_read_back_as_text(tmp_path):
    path = tmp_path / "t.tsv"
    table = pd.DataFrame({"subject": ["NA", "001"], "value": [1.5, float("nan")]}, index=[7, 8])
    tsv.write(path, table)
    assert path.read_bytes() == b"subject\tvalue\nNA\t1.5\n001\t\n"
    assert tsv.read(path).to_dict("list") == {"subject": ["NA", "001"], "value": ["1.5", ""]}
    tsv.write(path, table, missing="nan")
    assert path.read_bytes().endswith(b"001\tnan\n")
