"""Opening, closing, sharing, stopping, refusing."""

import multiprocessing
import os
import signal
import tarfile
import threading
import time

import libmtl
import numpy
import pytest
from conftest import ROOT, ZOO

TEXT = "Maria Jensen moved from Copenhagen to Toronto in 2019."


@pytest.fixture(scope="session")
def archive(tmp_path_factory):
    path = tmp_path_factory.mktemp("archive") / "model.tar"
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for file in sorted((ZOO / "mtl-mobile").iterdir()):
            tar.add(file, file.name)
    return path


def labels(model):
    return [tags.labels for tags in model.tag([TEXT])[0].tasks.values() if tags]


def test_names_are_found_where_they_stand(model):
    spans = model.tag([TEXT], language="en")[0]["ner"].spans
    assert [(span.label, TEXT[span.start:span.end]) for span in spans] == [
        ("PER", "Maria Jensen"), ("LOC", "Copenhagen"), ("LOC", "Toronto")]
    assert [(span.token_start, span.token_end) for span in spans] == [(0, 2), (4, 5), (6, 7)]


def test_facts(model):
    assert "ner" in model.tasks and "en" in model.languages and "en" in model.task_languages("ner")
    assert "B-PER" in model.labels("ner") and "PER" in model.span_labels("ner")
    assert model.span_labels("upos") == []
    assert model.report["engine"] == "native" and model.manifest["kind"] == "tagger"
    assert "mtl-mobile" in repr(model)
    with pytest.raises(libmtl.ArgumentError, match="choose among"):
        model.labels("nre")


def test_it_opens_from_memory_and_from_a_part_of_a_file(archive, tmp_path, model):
    part = tmp_path / "part"
    part.write_bytes(b"before.." + archive.read_bytes() + b"after")
    length = archive.stat().st_size
    for opened in (libmtl.Model(archive), libmtl.Model.from_bytes(archive.read_bytes()),
                   libmtl.Model(part, offset=8, length=length), libmtl.Model(ZOO / "mtl-mobile", trusted=True)):
        with opened:
            assert opened.digest == model.digest and labels(opened) == labels(model)


def test_kernels_and_threads_are_chosen(model):
    with libmtl.Model(ZOO / "mtl-mobile", kernel="generic", threads=2, word_cache=0) as opened:
        assert opened.report["kernel"] == "generic" and opened.report["threads"] == 2
        assert labels(opened) == labels(model)
    pool = libmtl.Pool(1)
    with libmtl.Model(ZOO / "mtl-mobile", threads=2, pool=pool) as opened:
        assert pool.threads == 1 and labels(opened) == labels(model)


def test_scores_and_best_paths(model):
    tags = model.tag([TEXT], tasks=["ner"], language="en", scores=True, nbest=3)[0]["ner"]
    assert len(tags.scores) == len(tags.labels) and all(0 < score <= 1 for score in tags.scores)
    assert all(0 < span.score <= 1 for span in tags.spans)
    best = tags.nbest[0]
    assert len(best) == 3 and best[0].labels == tags.labels
    assert best[0].probability >= best[1].probability >= best[2].probability


def test_columns_say_the_same(model):
    documents = [TEXT, "", b"\xff", ["Ada", "sails"], "Hej Oslo!"]
    rows, columns = model.tag(documents, scores=True), model.tag_columns(documents, scores=True)
    assert [error is None for error in columns.error] == [row.error is None for row in rows]
    for number, row in enumerate(rows):
        if row.error is not None:
            assert columns.language[number] is None and not (columns.document == number).any()
            continue
        mine = columns.document == number
        assert list(zip(columns.start[mine], columns.end[mine])) == row.tokens
        for task, tags in row.tasks.items():
            found = columns.tasks[task]
            names = model.labels(task)
            assert [names[label] if label >= 0 else None for label in found.label[mine]] == (tags.labels if tags else [None] * len(row.tokens))
            if tags is None:
                continue
            assert numpy.array_equal(found.score[mine], numpy.float32(tags.scores))
            of_spans = found.spans.document == number
            base = numpy.flatnonzero(mine)[0] if mine.any() else 0
            spans = zip(found.spans.label, found.spans.start, found.spans.end, found.spans.token_start - base,
                        found.spans.token_end - base, found.spans.score)
            kinds = model.span_labels(task)
            assert [(kinds[span[0]], *span[1:5]) for span, is_mine in zip(spans, of_spans) if is_mine] == [span[:5] for span in tags.spans]


def test_a_bad_document_has_an_error_of_its_own(model):
    good, bad, lone = model.tag([TEXT, b"caf\xe9", "a \ud83d b"], language="en")
    assert good.error is None and isinstance(bad.error, libmtl.InputError) and isinstance(lone.error, libmtl.InputError)
    with pytest.raises(libmtl.InputError, match="UTF-8"):
        bad["ner"]
    assert model.tag([b"caf\xe9 Oslo"], language="en", replace_invalid=True)[0].error is None


@pytest.mark.parametrize(("call", "kind", "words"), [
    (lambda m: m.tag([TEXT], tasks=["nre"]), libmtl.ArgumentError, "its tasks are"),
    (lambda m: m.tag([TEXT], tasks="ner"), libmtl.ArgumentError, "pass a list of names"),
    (lambda m: m.tag(TEXT), libmtl.ArgumentError, "pass a list of texts"),
    (lambda m: m.tag([3]), libmtl.ArgumentError, "of type int"),
    (lambda m: m.tag([["a", 3]]), libmtl.ArgumentError, "of type int"),
    (lambda m: m.tag([TEXT], language="xx"), libmtl.ArgumentError, "its languages are"),
    (lambda m: m.tag([], language="xx"), libmtl.ArgumentError, "its languages are"),
    (lambda m: m.tag([TEXT], unit="words"), libmtl.ArgumentError, "codepoints"),
    (lambda m: m.tag([TEXT], nbest=101), libmtl.ArgumentError, "100 at most"),
    (lambda m: m.tag([TEXT], timeout=-1), libmtl.ArgumentError, "timeout"),
    (lambda m: m.tag([TEXT], timeout=float("nan")), libmtl.ArgumentError, "timeout"),
    (lambda m: m.tag([TEXT], timeout=1, cancel=libmtl.Cancel()), libmtl.ArgumentError, "together"),
    (lambda m: m.score([libmtl.Exercise(["a"])]), libmtl.ArgumentError, "is a tagger"),
    (lambda m: libmtl.Model("nowhere/at-all"), libmtl.IOFailure, "check the path"),
    (lambda m: libmtl.Model(ZOO / "mtl-mobile", kernel="quantum"), libmtl.ArgumentError, "quantum"),
    (lambda m: libmtl.Model(ZOO / "mtl-mobile", graph="bar"), libmtl.ArgumentError, "portable, fused"),
    (lambda m: libmtl.Model(ZOO / "mtl-mobile", graph="fused"), libmtl.ArgumentError, "fused graph"),
    (lambda m: libmtl.Model(ZOO / "mtl-mobile", engine="magic"), libmtl.ArgumentError, "native, onnx"),
    (lambda m: libmtl.Model(ZOO / "mtl-mobile", providers=["cuda"]), libmtl.ProviderError, "onnx"),
    (lambda m: libmtl.Model(ZOO / "mtl-mobile", providers="cuda"), libmtl.ArgumentError, "pass a list"),
    (lambda m: libmtl.Model(ZOO / "mtl-mobile", gpu_device=1), libmtl.ArgumentError, "gpu_device"),
    (lambda m: libmtl.Model(ZOO / "mtl-mobile", kernel_cache=ZOO), libmtl.ArgumentError, "kernel_cache"),
    (lambda m: libmtl.Model(ZOO / "mtl-mobile", engine="cuda"), libmtl.EngineError, "no engine for CUDA"),
    (lambda m: libmtl.Model(ZOO / "mtl-mobile", engine="onnx", library="/nowhere/libonnxruntime.so"), libmtl.EngineError, "nowhere"),
    (lambda m: libmtl.Model(ZOO / "mtl-mobile", vectors="x"), libmtl.ArgumentError, "vectors"),
    (lambda m: libmtl.Model.from_bytes(b"no archive"), libmtl.BundleError, "memory"),
])
def test_refusals(model, call, kind, words):
    with pytest.raises(kind, match=words):
        call(model)


def test_a_changed_byte_is_an_integrity_error(archive):
    data = bytearray(archive.read_bytes())
    data[data.index(b"ustar") + 2_000_000] ^= 1
    with pytest.raises(libmtl.IntegrityError):
        libmtl.Model.from_bytes(bytes(data))


def test_a_closed_model_says_so():
    opened = libmtl.Model(ZOO / "mtl-mobile")
    opened.close()
    opened.close()
    with pytest.raises(libmtl.ArgumentError, match="closed"):
        opened.tag([TEXT])


def test_threads_share_a_model_and_may_close_it(model):
    expected = model.tag([TEXT] * 20, scores=True)
    opened = libmtl.Model(ZOO / "mtl-mobile")
    results, refused = [], []

    def work():
        for _ in range(10):
            try:
                results.append(opened.tag([TEXT] * 20, scores=True))
            except libmtl.ArgumentError as error:
                refused.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    while len(results) < 8:
        time.sleep(0.001)
    opened.close()
    for thread in threads:
        thread.join()
    assert all(result == expected for result in results) and len(results) + len(refused) == 40
    assert all("closed" in str(error) for error in refused)


def test_the_interpreter_runs_on_while_a_call_computes(model):
    texts = [TEXT * 20] * 400
    turns, done = 0, threading.Event()
    thread = threading.Thread(target=lambda: (model.tag(texts), done.set()))
    thread.start()
    while not done.is_set():
        turns += 1
        time.sleep(0.001)
    thread.join()
    assert turns > 20


def test_calls_are_stopped(model):
    texts = [TEXT * 50] * 2000
    with pytest.raises(libmtl.DeadlineError):
        model.tag(texts, timeout=0.05)
    cancel = libmtl.Cancel()
    timer = threading.Timer(0.05, cancel.cancel)
    timer.start()
    with pytest.raises(libmtl.CancelledError):
        model.tag(texts, cancel=cancel)
    assert cancel.cancelled
    assert model.tag([TEXT])[0].error is None


def test_ctrl_c_is_heard(model):
    # A process in the background may have been started with the signal ignored, and Python then leaves it so.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    begun = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            model.tag([TEXT * 50] * 20_000)
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - begun < 20


def in_child(model, pipe):
    try:
        model.tag([TEXT])
        pipe.send("tagged")
    except libmtl.ForkedError as error:
        with libmtl.Model(ZOO / "mtl-mobile") as opened:
            pipe.send((str(error), opened.tag([TEXT])[0].error))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_fork_gets_a_clear_error_and_can_open_its_own():
    with libmtl.Model(ZOO / "mtl-mobile", threads=2) as opened:
        opened.tag([TEXT] * 50)
        context = multiprocessing.get_context("fork")
        ours, theirs = context.Pipe()
        child = context.Process(target=in_child, args=(opened, theirs))
        child.start()
        assert ours.poll(60)
        message, error = ours.recv()
        child.join(60)
        assert child.exitcode == 0 and error is None
        assert "fork" in message and "spawn" in message


def test_memory_comes_back(model):
    def resident():
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def turn():
        with libmtl.Model(ZOO / "mtl-mobile") as opened:
            opened.tag([TEXT] * 10, scores=True, nbest=2)
            opened.tag_columns([TEXT] * 10)

    for _ in range(5):
        turn()
    before = resident()
    for _ in range(30):
        turn()
    # One leaked model would be 2 MB and more a turn.
    assert resident() - before < 20e6


def test_the_typed_options_are_those_that_opening_takes():
    import inspect
    assert set(libmtl.OpenOptions.__annotations__) == set(inspect.signature(libmtl._model._opening).parameters)
    with pytest.raises(TypeError, match="trheads"):
        libmtl.Model(ZOO / "mtl-mobile", trheads=2)


def test_the_documents_name_what_is_there():
    readme = (ROOT / "bindings/python/README.md").read_text("utf-8")
    for name in ("libmtl.Model", "tag_columns", "libmtl.arrow", "libmtl.spacy", "Cancel"):
        assert name in readme
    assert set(libmtl.__all__) <= set(dir(libmtl))
