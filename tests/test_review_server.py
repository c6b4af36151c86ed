"""The review server: who is let in, what is done, and what two people see."""

from __future__ import annotations

import csv
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the extra review is not installed")
import httpx
import uvicorn

from trichoscan.records import TrichoscanError
from trichoscan.review.server import cookie_name, listen, make_app
from trichoscan.review.session import Session, open_session
from trichoscan.review.start import run_review
from trichoscan.study.batch import RunOptions, analyze_folder
from trichoscan.study.pseudonym import make_key

TOKEN = "a-secret"


class Served:
    """A session behind a real server on a port of its own."""

    def __init__(self, session: Session) -> None:
        listening = listen(0)
        self.port = listening.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"
        self.origin = f"http://{self.host}"
        app = make_app(session, TOKEN, self.port)
        self._server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listening]})
        self._thread.start()

    def client(self, cookie: str | None = TOKEN) -> httpx.Client:
        cookies = {} if cookie is None else {cookie_name(self.port): cookie}
        return httpx.Client(
            base_url=self.origin,
            headers={"Origin": self.origin},
            cookies=cookies,
            timeout=60,
            trust_env=False,
        )

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join()


@pytest.fixture
def session(results: Path) -> Iterator[Session]:
    opened = open_session(results, "Ann")
    yield opened
    opened.close()


@pytest.fixture
def served(session: Session) -> Iterator[Served]:
    up = Served(session)
    yield up
    up.close()


@pytest.fixture
def client(served: Served) -> Iterator[httpx.Client]:
    with served.client() as made:
        yield made


def photo(client: httpx.Client, number: int = 0) -> tuple[str, dict[str, Any]]:
    key = client.get("/api/worklist").json()["photos"][number]["key"]
    address = f"/api/photos/{key}"
    return address, client.get(address).json()


def done(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_without_the_token_nothing_is_shown(served: Served) -> None:
    bare = served.client(cookie=None)
    for address in ("/", "/static/app.js", "/api/worklist", "/?token=wrong", "/api/worklist?token=a-secret"):
        assert bare.get(address).status_code == 401
    entered = bare.get(f"/?token={TOKEN}")
    assert (entered.status_code, entered.headers["location"]) == (303, "/")
    cookie = entered.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie
    assert bare.get("/").status_code == 200
    bare.close()


def test_two_reviews_in_one_browser_do_not_shut_each_other_out(served: Served, session: Session) -> None:
    """A browser sends a cookie to every port of a machine."""
    other = Served(session)
    with httpx.Client(trust_env=False, timeout=60) as browser:
        for one in (served, other):
            browser.get(f"{one.origin}/?token={TOKEN}")
        for one in (served, other):
            assert browser.get(f"{one.origin}/api/worklist").status_code == 200
        assert len(browser.cookies) == 2
    other.close()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 400),
        ({"Host": "127.0.0.1:9999"}, 400),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://127.0.0.1"}, 403),
    ],
)
def test_other_hosts_and_origins_are_refused(
    client: httpx.Client, headers: dict[str, str], status: int
) -> None:
    assert client.get("/api/worklist", headers=headers).status_code == status
    assert client.post("/api/photos/x", headers=headers, json={}).status_code == status


def test_a_form_or_an_upload_is_no_request_of_the_page(client: httpx.Client) -> None:
    assert client.post("/api/photos/x", data={"what": "delete"}).status_code == 403
    assert client.post("/api/photos/x", files={"file": b"x"}).status_code == 403
    assert client.put("/api/photos/x", json={}).status_code == 405
    long = json.dumps({"what": "x" * 300_000})
    assert (
        client.post("/api/photos/x", content=long, headers={"Content-Type": "application/json"}).status_code
        == 413
    )
    plain = client.post("/api/photos/x", content="[1]", headers={"Content-Type": "application/json"})
    assert plain.status_code == 422


@pytest.mark.parametrize(
    "address",
    [
        "/static/..%2f..%2fserver.py",
        "/static/%2e%2e/server.py",
        "/static/server.py",
        "/static/../server.py",
        "/api/photos/..%2f..%2fimages.csv/picture.jpg",
        "/api/photos/0123/picture.jpg",
        "/review.sqlite",
        "/images.csv",
    ],
)
def test_no_path_leads_to_a_file(client: httpx.Client, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 404
    assert "import" not in answer.text


def test_every_answer_forbids_what_the_page_does_not_need(client: httpx.Client) -> None:
    for address in ("/", "/static/style.css", "/api/worklist", "/nothing"):
        headers = client.get(address).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


def test_the_page_asks_nobody_else() -> None:
    static = Path(__file__).parents[1] / "trichoscan" / "review" / "static"
    for file in static.iterdir():
        text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "://" not in text, f"{file.name} names an address"
        assert "innerHTML" not in text and "eval(" not in text


def test_the_picture_has_nothing_of_exif(client: httpx.Client) -> None:
    address, _ = photo(client)
    data = client.get(f"{address}/picture.jpg").content
    assert data.startswith(b"\xff\xd8") and b"Exif" not in data


def test_the_most_doubtful_stand_first_and_say_why(client: httpx.Client) -> None:
    rows = client.get("/api/worklist").json()["photos"]
    doubts = [row["doubt"] for row in rows]
    assert doubts == sorted(doubts, reverse=True)
    assert all(row["why"] for row in rows if row["doubt"] > 0.1)


def test_every_correction_can_be_made_and_taken_back(client: httpx.Client) -> None:
    address, shown = photo(client)
    start = shown
    counted = [hair for hair in shown["hairs"] if hair["counted"] and len(hair["path"]) > 4]
    first, second = counted[0], counted[1]
    middle = first["path"][len(first["path"]) // 2]
    corner = [[0, 0], [200, 0], [200, 200], [0, 200]]
    requests: list[dict[str, Any]] = [
        {"what": "add", "points": [second["path"][0], middle, [300, 200]]},
        {"what": "delete", "hair": second["id"]},
        {"what": "split", "hair": first["id"], "at": middle},
        {"what": "join", "hair": "new", "with": "newer"},
        {"what": "move_root", "hair": counted[2]["id"], "to": counted[2]["path"][1]},
        {"what": "area", "points": corner},
        {"what": "automatic_area"},
        {"what": "exclude", "points": corner},
        {"what": "include", "excluded": 1},
        {"what": "same_unit", "hairs": [counted[3]["id"], counted[4]["id"]]},
        {"what": "own_unit", "hair": counted[3]["id"]},
    ]
    if shown["candidates"]:
        requests.append({"what": "accept", "candidate": shown["candidates"][0]["index"]})
    for request in requests:
        if request["what"] == "join":
            made = sorted(hair["id"] for hair in shown["hairs"])[-2:]
            request |= {"hair": made[0], "with": made[1]}
        shown = done(client.post(address, json=request | {"version": shown["version"]}))
        assert shown["history"][0]["what"] == request["what"]
    assert shown["corrections"] == len(requests)
    while shown["can_undo"]:
        shown = done(client.post(address, json={"what": "undo", "version": shown["version"]}))
    for name in ("hairs", "figures", "area", "excluded"):
        assert shown[name] == start[name]
    while shown["can_redo"]:
        shown = done(client.post(address, json={"what": "redo", "version": shown["version"]}))
    assert shown["corrections"] == len(requests)


def test_join_makes_good_what_split_parted(client: httpx.Client) -> None:
    address, shown = photo(client)
    hair = max((h for h in shown["hairs"] if h["counted"]), key=lambda h: h["length_um"])
    split = done(
        client.post(address, json={"what": "split", "hair": hair["id"], "at": hair["path"][3], "version": 0})
    )
    halves = [h for h in split["hairs"] if h["source"] == "review"]
    assert len(halves) == 2
    asked = {"what": "join", "hair": halves[1]["id"], "with": halves[0]["id"], "version": split["version"]}
    joined = done(client.post(address, json=asked))
    (whole,) = [h for h in joined["hairs"] if h["source"] == "review"]
    assert whole["length_um"] == pytest.approx(hair["length_um"], abs=1.0)
    for end in (0, -1):
        assert whole["path"][end] == pytest.approx(hair["path"][end], abs=0.2)


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        ({"what": "delete", "hair": 99999}, "no hair 99999"),
        ({"what": "delete", "hair": "1; DROP TABLE events"}, "there is no hair"),
        ({"what": "delete", "hair": [1]}, "there is no hair"),
        ({"what": "delete", "hair": 1.0}, "there is no hair"),
        ({"what": "delete", "hair": True}, "there is no hair"),
        ({"what": "add", "points": [[1, 1]]}, "give 2 points"),
        ({"what": "add", "points": [[1, 1], [1.5, 1]]}, "hair that short"),
        ({"what": "add", "points": [["a", 1], [2, 2]]}, "give 2 points"),
        ({"what": "add", "points": [[float("1e400"), 1], [2, 2]]}, "no number"),
        ({"what": "area", "points": [[1, 1], [5, 5], [9, 9]]}, "three corners"),
        ({"what": "join", "hair": 1, "with": 1}, "choose two hairs"),
        ({"what": "undo"}, "nothing to undo"),
        ({"what": "format_disk"}, "nothing that can be done"),
    ],
)
def test_what_cannot_be_done_is_said_and_not_logged(
    client: httpx.Client, session: Session, request_: dict[str, Any], told: str
) -> None:
    address, _ = photo(client)
    body = json.dumps(request_ | {"version": 0})
    answer = client.post(address, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert told in answer.json()["error"]
    assert session.audit.all_events() == []


def test_two_people_on_two_photos_work_and_on_one_are_told(client: httpx.Client, results: Path) -> None:
    other = open_session(results, "Ben")
    elsewhere_served = Served(other)
    ann, ben = client, elsewhere_served.client()
    address, shown = photo(ann)
    elsewhere, _ = photo(ben, 1)
    hairs = [hair["id"] for hair in shown["hairs"]]
    done(ann.post(address, json={"what": "delete", "hair": hairs[0], "version": 0}))
    done(ben.post(elsewhere, json={"what": "sign_off", "version": 0}))
    conflict = ben.post(address, json={"what": "delete", "hair": hairs[1], "version": 0})
    assert conflict.status_code == 409
    assert conflict.json()["error"].startswith("Ann changed this at 20")
    assert conflict.json()["last"]["who"] == "Ann"
    heard = ann.get("/api/news?since=0").json()["events"]
    assert {event["who"] for event in heard} == {"Ann", "Ben"}
    ben.close()
    elsewhere_served.close()
    other.close()


def test_a_signed_photo_is_locked_until_it_is_opened_for_a_reason(
    client: httpx.Client, session: Session
) -> None:
    address, shown = photo(client)
    number = shown["hairs"][0]["id"]
    shown = done(client.post(address, json={"what": "sign_off", "version": 0, "why": "looked at all"}))
    assert shown["signed_by"] == "Ann"
    for what in ("delete", "undo", "sign_off", "begin", "area"):
        asked = {"what": what, "hair": number, "version": shown["version"], "why": "x"}
        answer = client.post(address, json=asked)
        assert (answer.status_code, "Ann" in answer.json()["error"]) == (422, True)
    assert client.post(address, json={"what": "reopen", "version": shown["version"]}).status_code == 422
    shown = done(
        client.post(address, json={"what": "reopen", "version": shown["version"], "why": "hair 1 is none"})
    )
    shown = done(client.post(address, json={"what": "delete", "hair": number, "version": shown["version"]}))
    assert shown["signed_by"] == ""
    csv_text = client.get("/api/audit.csv").text
    rows = list(csv.DictReader(csv_text.splitlines()))
    assert [row["what"] for row in rows] == ["begin", "sign_off", "reopen", "delete"]
    assert rows[2]["why"] == "hair 1 is none"


def test_signing_off_writes_the_tables_at_once(client: httpx.Client, results: Path) -> None:
    address, shown = photo(client)
    done(client.post(address, json={"what": "sign_off", "version": 0}))
    with (results / "images.csv").open(newline="", encoding="utf-8") as file:
        states = {row["image"]: (row["review"], row["reviewed_by"]) for row in csv.DictReader(file)}
    assert states[shown["image"]] == ("signed_off", "Ann")


def test_a_match_is_said_otherwise_and_the_change_follows(client: httpx.Client) -> None:
    pairs = client.get("/api/worklist").json()["pairs"]
    address = f"/api/pairs/{next(row['key'] for row in pairs if row['status'] == 'ok')}"
    shown = done(client.get(address))
    figure = {row["name"]: row for row in shown["figures"]}
    match = next(m for m in shown["matches"] if m["kind"] == "matched" and m["counted"] and m["baseline"])
    parted = done(client.post(address, json={"what": "unlink", "baseline": match["baseline"], "version": 0}))
    now = {row["name"]: row["now"] for row in parted["figures"]}
    assert int(now["matched_hairs"]) == int(figure["matched_hairs"]["now"]) - 1
    assert {"b" + str(match["baseline"]): "none"} == parted["said"]
    asked = {"what": "link", "baseline": match["baseline"], "followup": match["followup"]}
    linked = done(client.post(address, json=asked | {"version": parted["version"]}))
    assert {row["name"]: row["now"] for row in linked["figures"]}["matched_hairs"] == figure["matched_hairs"][
        "now"
    ]
    said = next(m for m in linked["matches"] if m["baseline"] == match["baseline"])
    assert (said["followup"], said["probability"]) == (match["followup"], 1.0)
    undone = done(client.post(address, json={"what": "undo", "version": linked["version"]}))
    assert undone["matches"] == parted["matches"]


def test_only_this_machine_is_served() -> None:
    with pytest.raises(TrichoscanError, match="this machine alone"):
        listen(0, "0.0.0.0")
    taken = listen(0)
    with pytest.raises(TrichoscanError, match=r"port \d+: .*--port"):
        listen(taken.getsockname()[1])
    taken.close()


@pytest.mark.parametrize("user", ["", "   ", "a\x00b", "x" * 200])
def test_a_reviewer_has_a_name(results: Path, user: str) -> None:
    with pytest.raises(TrichoscanError, match="--user"):
        run_review(results, user=user, photos=None, port=0, browser=False, tell=print)


def test_photos_of_results_with_codes_are_found_by_their_bytes(
    study: Path, measured: Path, tmp_path: Path
) -> None:
    """Such results do not tell where the photos lie: it is said, and the folder alone finds them."""
    results, key = tmp_path / "results", tmp_path / "study.key"
    make_key(key)
    photos = tmp_path / "photos"
    photos.mkdir()
    shutil.copy(study / "images" / "S1_vertex_baseline.jpg", photos / "S1_vertex_baseline.jpg")
    analyze_folder([photos], results, RunOptions(um_per_px=8.0, pseudonymize=key))
    with pytest.raises(TrichoscanError, match=r"codes in place of names.*--photos FOLDER.*no key is needed"):
        open_session(results, "Ann")
    with pytest.raises(TrichoscanError, match="holds none of the photos"):
        empty = tmp_path / "other"
        empty.mkdir()
        shutil.copy(study / "images" / "S2_vertex_baseline.jpg", empty)
        open_session(results, "Ann", empty)
    session = open_session(results, "Ann", photos)
    (shown,) = session.worklist()["photos"]
    assert session.missing == () and "S1" not in json.dumps(shown)
    assert session.picture(shown["key"]).startswith(b"\xff\xd8")
    done = session.edit_photo(shown["key"], {"what": "sign_off", "version": 0})
    session.close()
    assert done["signed_by"] == "Ann"
    assert len(list((results / "overlays" / "reviewed").glob("*.jpg"))) == 1


def test_photos_that_are_not_there_are_named(results: Path, study: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    shutil.copytree(study / "images", photos)
    (photos / "S1_vertex_week24.jpg").unlink()
    (photos / "S2_vertex_week24.jpg").unlink()
    session = open_session(results, "Ann", photos)
    assert session.missing == ("S1_vertex_week24.jpg", "S2_vertex_week24.jpg")
    session.close()
