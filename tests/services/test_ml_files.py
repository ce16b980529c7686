"""What jobs leave behind: links, pipes, odd names, very much of it. It costs only itself, and nobody else's time."""

import asyncio
import contextlib
import os
import threading
import time
from pathlib import Path

import psutil
import pytest
import requests
from waiting import wait_for_end

import local_azure
from local_azure import folders

pytest_plugins = ["ml_workspace"]

LEAVES_ODD_THINGS = r"""
import os, pathlib, socket, sys
for place in map(pathlib.Path, sys.argv[1:]):
    (place / "good").mkdir(parents=True)
    (place / "good" / "file.txt").write_text("kept")
    (place / "a name with blanks.txt").write_text("kept")
    (place / ("n" * 250)).write_text("kept")
    os.symlink(os.path.expanduser("/"), place / "all")
    os.symlink("/etc/passwd", place / "stolen.txt")
    os.symlink(".", place / "loop")
    os.symlink("good/file.txt", place / "link.txt")
    os.symlink("nowhere", place / "dangling")
    os.mkfifo(place / "pipe")
    socket.socket(socket.AF_UNIX).bind(str(place / "socket"))
    for name in (b"a\\b.txt", b"a\nb.txt", b"\xff.txt"):
        with open(os.path.join(os.fsencode(place), name), "w") as file:
            file.write("odd")
    (place / "secret.txt").write_text("kept")
    os.chmod(place / "secret.txt", 0)
"""
KEPT = {"good/file.txt", "a name with blanks.txt", "n" * 250, "link.txt", "secret.txt"}
LEFT_OUT = ("all", "stolen.txt", "loop", "pipe", "socket", r"a\\b.txt", r"a\nb.txt", r"\udcff.txt")


def files_in(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def odd(workspace, tmp_path_factory):
    """A job that leaves odd things in ./outputs and in an output of its own: (name, downloaded folder)."""
    from azure.ai.ml import Output, command

    folder = tmp_path_factory.mktemp("odd")
    (folder / "src").mkdir()
    (folder / "src" / "odd.py").write_text(LEAVES_ODD_THINGS)
    job = command(
        code=str(folder / "src"),
        command="HERE=$PWD; cd ${{outputs.made}} && python $HERE/odd.py . $HERE/outputs",
        outputs={"made": Output(type="uri_folder")},
        environment="azureml://registries/azureml/environments/sklearn-1.5/versions/1",
    )
    name = workspace.ml.jobs.create_or_update(job).name
    workspace.wait(name)
    workspace.ml.jobs.download(name, download_path=folder / "got", all=True)
    return name, folder / "got"


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such files")
def test_what_cannot_be_kept_costs_only_itself(workspace, odd):
    name, got = odd
    assert workspace.job(name)["status"] == "Completed", workspace.log(name)
    assert files_in(got / "artifacts" / "outputs") == KEPT
    assert files_in(got / "named-outputs" / "made") == KEPT
    for folder in (got / "artifacts" / "outputs", got / "named-outputs" / "made"):
        assert {(folder / one).read_text() for one in KEPT} == {"kept"}


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such files")
def test_the_log_says_what_was_left_out(workspace, odd):
    said = workspace.log(odd[0])
    for folder in ("outputs", "made"):
        for one in LEFT_OUT:
            assert f"Left out: {folder}/{one}: " in said, said
    assert "leads out of the folder, to /etc/passwd" in said


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such files")
def test_a_later_job_gets_what_was_kept(workspace, odd):
    from azure.ai.ml import Input, command

    job = command(
        command="find ${{inputs.given}} -type f | wc -l",
        inputs={"given": Input(type="uri_folder", path=f"azureml://jobs/{odd[0]}/outputs/made")},
        environment="azureml://registries/azureml/environments/sklearn-1.5/versions/1",
    )
    name = workspace.ml.jobs.create_or_update(job).name
    assert workspace.wait(name)["status"] == "Completed"
    assert f"\n{len(KEPT)}\n" in f"\n{workspace.log(name)}"


def test_a_name_with_blanks_is_one_word_of_a_command(workspace, tmp_path):
    from azure.ai.ml import Input, Output, command

    (tmp_path / "default of card clients.csv").write_text("x\n1\n")
    given = {"mode": "download", "type": "uri_file", "path": str(tmp_path / "default of card clients.csv")}
    place = "azureml://datastores/workspaceblobstore/paths/a folder/with blanks"
    job = command(
        command="cat ${{inputs.copied}} ${{inputs.mounted}} > ${{outputs.made}}/rows.csv && ls ${{inputs.copied}}",
        inputs={"copied": Input(**given), "mounted": Input(**given | {"mode": "rw_mount"})},
        outputs={"made": Output(type="uri_folder", path=place)},
        environment="azureml://registries/azureml/environments/sklearn-1.5/versions/1",
    )
    name = workspace.ml.jobs.create_or_update(job).name
    assert workspace.wait(name)["status"] == "Completed", workspace.log(name)
    assert workspace.log(name).strip().endswith(".csv")
    workspace.ml.jobs.download(name, download_path=tmp_path, output_name="made")
    assert [path.read_text() for path in tmp_path.rglob("rows.csv")] == ["x\n1\nx\n1\n"]


# Nobody waits for it

MUCH = "mkdir -p outputs/many; truncate -s 2G outputs/large; for d in $(seq 40); do mkdir outputs/many/$d; "
MUCH += "(cd outputs/many/$d; seq 500 | xargs touch); done; ln -s / outputs/all; echo ready; "


@pytest.fixture(scope="module")
def language(workspace):
    """Ask the language service, and say how many seconds it took."""
    endpoint, key = os.environ["FOUNDRY_ENDPOINT"], os.environ["FOUNDRY_KEY"]
    session = requests.Session()

    def ask():
        body = {
            "kind": "LanguageDetection",
            "analysisInput": {"documents": [{"id": "1", "text": "Where is my parcel?"}]},
        }
        begun = time.perf_counter()
        answer = session.post(
            f"{endpoint}/language/:analyze-text?api-version=2023-04-01", json=body,
            headers={"Ocp-Apim-Subscription-Key": key}, timeout=120,
        )  # fmt: skip
        assert answer.status_code == 200, answer.text
        return time.perf_counter() - begun

    for _ in range(5):
        ask()
    return ask


def wait_for_line(workspace, name, line):
    until = time.monotonic() + 240
    while line not in workspace.log(name).splitlines():
        assert time.monotonic() < until, workspace.log(name)
        time.sleep(0.05)


def answered_meanwhile(language, done):
    """While something goes on, ask again and again. No answer waits for it: none takes half as long as all of them."""
    times = []
    while not done() or len(times) < 20:
        times.append(language())
    assert max(times) < sum(times) / 2, sorted(times)[-5:]


@pytest.mark.skipif(os.name != "posix", reason="the command is for a POSIX shell")
def test_others_are_answered_while_a_job_leaves_very_much(workspace, language):
    workspace.put_job("much", command=MUCH)
    wait_for_line(workspace, "much", "ready")
    answered_meanwhile(language, lambda: workspace.job("much")["status"] == "Completed")
    assert "leads out of the folder" in workspace.log("much")
    (folder,) = workspace.folders("dcid.much")
    assert sum(1 for _ in folder.rglob("outputs/many/*/*")) == 20_000
    assert workspace.http("DELETE", "/jobs/much").status_code == 200
    answered_meanwhile(language, lambda: folders.left_over(workspace.home) == [])
    assert not folder.exists()


@pytest.mark.skipif(os.name != "posix", reason="the command is for a POSIX shell")
def test_others_are_answered_while_a_cancel_cleans_up_after_a_job(workspace, language):
    workspace.put_job("stopped", command=MUCH + "sleep 300")
    wait_for_line(workspace, "stopped", "ready")
    answers = []
    cancel = threading.Thread(target=lambda: answers.append(workspace.http("POST", "/jobs/stopped/cancel")))
    cancel.start()
    answered_meanwhile(language, lambda: not cancel.is_alive())
    assert answers[0].status_code == 200 and workspace.job("stopped")["status"] == "Canceled"
    (folder,) = workspace.folders("dcid.stopped")
    assert (folder / "outputs" / "large").stat().st_size == 2**31


@pytest.mark.skipif(os.name != "posix", reason="the command is for a POSIX shell")
def test_a_start_does_not_wait_for_what_a_job_had_left(workspace):
    workspace.put_job("orphan", command=MUCH + "sleep 300")
    wait_for_line(workspace, "orphan", "ready")
    server = workspace.server
    server.kill()
    wait_for_end(server.pid)
    os.environ.update(local_azure.environment())
    assert workspace.http("GET", "/computes").status_code == 200
    assert list((workspace.home / "nodes").iterdir()), "all was tidied before the first answer"
    assert workspace.wait("orphan")["status"] == "Failed"
    assert "leads out of the folder" in workspace.log("orphan")
    until = time.monotonic() + 240
    while list((workspace.home / "nodes").iterdir()) or folders.left_over(workspace.home):
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such files")
def test_a_job_that_takes_its_own_log_away_stops_nobody(workspace):
    script = "log=$(readlink /proc/self/fd/1); rm $log; mkfifo $log; exit 3"
    workspace.put_job("mute", command=script)
    assert workspace.wait("mute")["status"] == "Failed"


@pytest.mark.skipif(os.name != "posix", reason="the command is for a POSIX shell")
def test_a_process_that_hides_does_not_outlive_its_job(workspace):
    """It has another session, and an environment that says nothing."""
    hidden = "env -i setsid sh -c 'echo $$; exec sleep 987' & sleep 0.5"
    workspace.put_job("hides", command=hidden)
    assert workspace.wait("hides")["status"] == "Completed"
    with contextlib.suppress(psutil.NoSuchProcess):  # or one that nobody has asked how it ended
        assert psutil.Process(int(workspace.log("hides").split()[0])).status() == psutil.STATUS_ZOMBIE


def test_a_job_that_fills_its_log_is_ended(workspace):
    workspace.put_job(
        "talks", command="python -c \"import os\nwhile True: os.write(1, b'all work and no play' * 50000)\""
    )
    assert workspace.wait("talks")["status"] == "Failed"
    assert "it printed more than 200 MB" in workspace.run_record("talks").error["error"]["message"]


def test_others_are_answered_while_very_many_jobs_wait(workspace, language):
    for number in range(100):
        assert workspace.put_job(f"crowd-{number}", command="sleep 600").status_code == 201
    language()  # is answered; how fast is for the benchmark
    for number in reversed(range(100)):
        assert workspace.http("POST", f"/jobs/crowd-{number}/cancel").status_code == 200


def test_a_description_of_a_model_that_no_memory_holds(workspace, tmp_path):
    from azure.ai.ml.entities import Model
    from azure.core.exceptions import HttpResponseError

    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 30))
    bomb = f"l0: &l0 [x]\n{levels}flavors:\n  python_function: {{data: *l29}}\n"
    (tmp_path / "MLmodel").write_text(bomb)
    with contextlib.suppress(HttpResponseError):
        made = workspace.ml.models.create_or_update(Model(name="bomb", path=str(tmp_path), type="mlflow_model"))
        assert len(str(made.flavors)) < 1_000_000
    assert workspace.http("GET", "/computes").status_code == 200


# The pieces


@pytest.fixture
def left():
    return folders.Left()


def test_a_folder_is_taken_over_up_to_a_number_of_files(tmp_path, left):
    for number in range(10):
        (tmp_path / f"{number}.txt").touch()
    assert len(list(folders.files(tmp_path, left, most=10))) == 10
    assert left.text == ""
    assert len(list(folders.files(tmp_path, left, most=9))) == 9
    assert "more than 9 files" in left.text


def test_a_name_may_be_as_long_as_a_file_system_takes_it():
    assert folders.unfit("x" * 255) is None and folders.unfit("x/" * 500 + "x") is None
    assert folders.unfit("x" * 256) and folders.unfit("é" * 128) and folders.unfit("x/" * 512 + "x")


def test_folders_that_link_to_each_other_end(tmp_path, left):
    for one in "ab":
        (tmp_path / one).mkdir()
    (tmp_path / "a" / "b").symlink_to(tmp_path / "b")
    (tmp_path / "b" / "a").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "x").touch()
    assert [one.name for one in folders.files(tmp_path, left)] == ["a/x", "b/a/x"]
    assert left.count == 2


def test_links_are_copied_before_what_they_lead_to_is_moved(tmp_path, left):
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    (source / "z.txt").write_text("z")
    (source / "a.txt").symlink_to("z.txt")
    os.link(source / "z.txt", tmp_path / "elsewhere.txt")
    folders.copy(source, target, left, move=True)
    assert {path.name: path.read_text() for path in target.iterdir()} == {"a.txt": "z", "z.txt": "z"}
    (tmp_path / "elsewhere.txt").write_text("changed later")
    assert (target / "z.txt").read_text() == "z"


def test_a_link_in_the_place_of_the_folder_itself_is_not_followed(tmp_path, left):
    place = tmp_path / "place"
    place.mkdir()
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "key").touch()
    (place / "outputs").symlink_to(tmp_path / "private")
    assert list(folders.files(place / "outputs", left, within=place)) == []
    assert "leads out" in left.text


def test_what_nobody_may_read_is_removed_all_the_same(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "file").touch()
    folder.chmod(0)
    here, deep = Path.cwd(), tmp_path / "deep"
    deep.mkdir()
    try:
        os.chdir(deep)
        for _ in range(1200):  # deeper than Python recurses, and than a path can be written
            os.mkdir("d" * 20)
            os.chdir("d" * 20)
    finally:
        os.chdir(here)
    asyncio.run(folders.remove(folder, deep))
    assert list(tmp_path.iterdir()) == []
