import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drafterd.fix import FixSettings, apply, dotenv, propose, unified_diff
from drafterd.fix.env_files import is_placeholder
from tests.unit.fix.folders import folder, snapshot

NEXT = {"package.json": '{"dependencies":{"next":"16"}}'}
SETTINGS = FixSettings(
    variables={"DATABASE_URL": "postgresql://u:secretpw@db/x", "GROQ_MODEL": "m-1", "SITE": "{{ url }}/{{ id }}"},
    absent=("GOOGLE_CLIENT_ID",),
)
BEGIN = "# >>> drafterd: kept up to date by drafterd, write your own lines above >>>\n"
END = "# <<< drafterd <<<\n"
BLOCK = (
    f"{BEGIN}PORT=3005\nNEXTAUTH_URL=http://localhost:3005\nDATABASE_URL=postgresql://u:secretpw@db/x\nGROQ_MODEL=m-1\n"
    f"SITE=http://localhost:3005/d\n{END}"
)


def fixed(tmp_path, files, settings=SETTINGS):
    root = folder(tmp_path / "d", {**NEXT, **files})
    proposal = propose(root, port=3005, settings=settings)
    apply(proposal)
    before = snapshot(root)
    assert not propose(root, port=3005, settings=settings).changes
    assert snapshot(root) == before
    return root, proposal


def local(root):
    return (root / ".env.local").read_bytes().decode()


def test_both_files_are_made(tmp_path):
    root, proposal = fixed(tmp_path, {})
    assert local(root) == BLOCK
    assert (root / ".env.local").stat().st_mode & 0o777 == 0o600
    example = (root / ".env.example").read_text()
    assert "DATABASE_URL=your-database-url\n" in example
    assert "GOOGLE_CLIENT_ID=your-google-client-id\n" in example
    assert "secretpw" not in example
    assert "secretpw" not in unified_diff(proposal) + repr(proposal.edits)
    (missing,) = [problem for problem in proposal.problems if problem.code == "missing-variable"]
    assert "GOOGLE_CLIENT_ID" in missing.summary
    assert missing.mend == "config"


def test_the_authors_lines_stay_and_win_but_for_what_is_ours(tmp_path):
    text = "# mine\nPORT=9\nGROQ_MODEL='own'\nDATABASE_URL=your-database-url\n\nX=1"
    root, _ = fixed(tmp_path, {".env.local": text})
    new = local(root)
    assert new == text + "\n" + BLOCK.replace("GROQ_MODEL=m-1\n", "")


def test_a_value_in_a_weaker_file_is_not_hidden(tmp_path):
    root, _ = fixed(tmp_path, {".env": "GROQ_MODEL=own\n", ".env.development": "DATABASE_URL=dev\n"})
    assert "GROQ_MODEL" not in local(root)
    assert "DATABASE_URL" not in local(root)


def test_lines_written_below_the_block_move_above_it(tmp_path):
    root, _ = fixed(tmp_path, {".env.local": f"A=1\n{BLOCK}PORT=7\n"})
    assert local(root) == f"A=1\nPORT=7\n{BLOCK}"


def test_a_torn_mark_eats_nothing(tmp_path):
    root, _ = fixed(tmp_path, {".env.local": f"{BEGIN}A=1\n"})
    assert local(root) == f"{BEGIN}A=1\n{BLOCK}"


def test_line_ends_and_byte_order_mark_stay(tmp_path):
    root, _ = fixed(tmp_path, {".env.local": "\ufeffA=1\r\n"})
    assert local(root) == "\ufeffA=1\r\n" + BLOCK.replace("\n", "\r\n")


def test_a_readable_file_is_closed(tmp_path):
    root, _ = fixed(tmp_path, {})
    (root / ".env.local").chmod(0o644)
    apply(propose(root, port=3005, settings=SETTINGS))
    assert (root / ".env.local").stat().st_mode & 0o777 == 0o600
    assert not propose(root, port=3005, settings=SETTINGS).changes


@pytest.mark.parametrize("name", [".env.local", ".env.example"])
def test_a_link_is_not_followed(tmp_path, name):
    root = folder(tmp_path / "d", NEXT)
    outside = folder(tmp_path / "o", {"x": "A=1\n"}) / "x"
    (root / name).symlink_to(outside)
    proposal = propose(root, port=3005, settings=SETTINGS)
    apply(proposal)
    assert outside.read_text() == "A=1\n"
    assert (root / name).is_symlink()
    assert name not in [change.file for change in proposal.changes]
    assert [problem.where for problem in proposal.problems if problem.code == "not-changed"] == [name]


def test_a_read_only_or_binary_file_is_told(tmp_path):
    root = folder(tmp_path / "d", {**NEXT, ".env.local": b"\xff\xfe\x00", ".env.example": "A=\n"})
    (root / ".env.example").chmod(0o444)
    proposal = propose(root, port=3005, settings=SETTINGS)
    apply(proposal)
    assert (root / ".env.local").read_bytes() == b"\xff\xfe\x00"
    assert {problem.where for problem in proposal.problems if problem.code == "not-changed"} == {
        ".env.local",
        ".env.example",
    }


def test_the_authors_example_keeps_its_lines(tmp_path):
    root, _ = fixed(tmp_path, {".env.example": "# how\nGROQ_MODEL=\n"})
    text = (root / ".env.example").read_text()
    assert text.startswith(f"# how\nGROQ_MODEL=\n{BEGIN}")
    assert text.count("GROQ_MODEL") == 1


def test_a_file_that_beats_ours_is_told(tmp_path):
    _, proposal = fixed(tmp_path, {".env.production.local": "PORT=1\nGROQ_MODEL=x\nDATABASE_URL=changeme\n"})
    (found,) = [problem for problem in proposal.problems if problem.code == "env-file-wins"]
    assert "DATABASE_URL, PORT" in found.summary


def test_the_authors_address_gives_way_at_home(tmp_path):
    root, _ = fixed(tmp_path, {".env": "AUTH_URL=https://shop.example\nNEXTAUTH_URL=https://shop.example\n"})
    assert "\nAUTH_URL=http://localhost:3005\n" in local(root)
    root, _ = fixed(tmp_path / "other", {})
    assert "AUTH_URL" not in local(root).replace("NEXTAUTH_URL", "")


def test_the_example_names_what_the_code_reads(tmp_path):
    code = "const a = process.env.STRIPE_SECRET_KEY; const { SMTP_HOST } = process.env; process.env.NODE_ENV"
    root, _ = fixed(tmp_path, {"app/api/pay/route.ts": code, ".env.example": "SMTP_HOST=mail.example\n"})
    text = (root / ".env.example").read_text()
    assert "STRIPE_SECRET_KEY=your-stripe-secret-key\n" in text
    assert text.count("SMTP_HOST") == 1
    assert "NODE_ENV" not in text
    assert "STRIPE" not in local(root)


def test_the_files_of_git_stay(tmp_path):
    root, proposal = fixed(tmp_path, {".gitignore": "node_modules\n"})
    assert (root / ".gitignore").read_text() == "node_modules\n"
    assert ".gitignore" not in [change.file for change in proposal.changes]


def test_a_folder_in_the_place_of_the_file_is_told(tmp_path):
    root = folder(tmp_path / "d", {**NEXT, ".env.local/x": "1"})
    (root / ".env.example").mkdir()
    proposal = propose(root, port=3005, settings=SETTINGS)
    apply(proposal)
    assert (root / ".env.local/x").read_text() == "1"
    told = {problem.where for problem in proposal.problems if problem.code == "not-changed"}
    assert told == {".env.local", ".env.example"}


LINES = st.lists(
    st.sampled_from(
        [
            "A=1",
            "# note",
            "",
            "PORT=9",
            "NEXTAUTH_URL=https://x.example",
            "DATABASE_URL=your-database-url",
            "DATABASE_URL='postgresql://own:pw1234567@h/x'",
            "GROQ_MODEL=",
            'GROQ_MODEL="own"',
            "export B=$A",
            "SECRET_ONE=s3cr3tvalue1",
            "not a line",
        ]
    ),
    max_size=8,
)


@settings(max_examples=80, deadline=None)
@given(LINES, LINES, LINES, st.sampled_from([("\n", ""), ("\n", "\n"), ("\r\n", "\r\n"), ("\r\n", "")]))
def test_any_lines_stay_in_order_and_no_value_gets_into_the_example(tmp_path_factory, lines, weak, example, ends):
    text = ends[0].join(lines) + ends[1]
    files = {".env.local": text, ".env": "\n".join(weak), ".env.example": "\n".join(example)}
    root, _ = fixed(tmp_path_factory.mktemp("e"), files)
    new = local(root)
    assert new.startswith(text)
    keys = [line.partition("=")[0] for line in new[len(text) :].splitlines() if "=" in line]
    assert len(keys) == len(set(keys))
    values = dotenv.parse(new)
    assert (values["PORT"], values["NEXTAUTH_URL"]) == ("3005", "http://localhost:3005")
    own = dotenv.parse(text)
    assert all(values[key] == own[key] for key in ("A", "SECRET_ONE") if key in own)
    if "DATABASE_URL='postgresql" in text.split("DATABASE_URL=y")[-1]:
        assert "DATABASE_URL" not in keys
    shown = (root / ".env.example").read_bytes().decode()
    assert shown.startswith("\n".join(example))
    ours = shown[len("\n".join(example)) :]
    assert not any(value in ours for value in ("s3cr3tvalue1", "pw1234567", "secretpw", "m-1"))


def test_a_static_folder_gets_none(tmp_path):
    root = folder(tmp_path / "d", {"index.html": ""})
    assert not propose(root, port=3005, settings=SETTINGS).changes


def test_a_value_with_every_quote_is_refused(tmp_path):
    root, proposal = fixed(tmp_path, {}, FixSettings(variables={"A": "'\"`", "B": "1"}))
    assert "unwritable-variable" in [problem.code for problem in proposal.problems]
    assert "A=" not in local(root)
    assert "B=1" in local(root)


@pytest.mark.parametrize(
    "value",
    [
        "your-key-here",
        "your_key",
        "changeme",
        "change-this-secret",
        "xxx",
        "xxxxxxxx",
        "****",
        "<key>",
        "[YOUR-KEY]",
        "sk-...",
        "sk_test_xxx",
        "pk_test_...",
        "sk-proj-your-key",
        "gsk_your_key_here",
        "add_your_key",
        "paste your key",
        "replace-with-a-secret",
        "https://your-project.supabase.co",
        "postgresql://user:password@localhost:5432/mydb",
        "postgresql://johndoe:randompassword@localhost:5432/mydb?schema=public",
        "mongodb+srv://<user>:<password>@cluster.mongodb.net",
        "TODO",
    ],
)
def test_placeholders(value):
    assert is_placeholder(value)


@pytest.mark.parametrize(
    "value",
    [
        "x",
        "yourname",
        "sk-abcdefghijk",
        "postgresql://a:b@c/d",
        "postgresql://user:s3cret@db/x",
        "true",
        "https://example.com",
        "https://mystore.example",
        "there",
        "[1,2]x",
        "sk_live_51Habc",
        "secret",
    ],
)
def test_no_placeholders(value):
    assert not is_placeholder(value)
