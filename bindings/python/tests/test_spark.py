"""Spark: a master and two workers of this machine, one of which is killed while it works."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import libmtl
import libmtl.arrow
import pytest
from conftest import ZOO

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
pytest.importorskip("pyspark", reason="--- SKIP: libmtl.spark: NOTHING OF IT WAS TESTED: there is no pyspark")


def java():
    """The version of the Java that Spark would use; 0 where there is none."""
    program = pathlib.Path(os.environ["JAVA_HOME"], "bin/java") if "JAVA_HOME" in os.environ else "java"
    try:
        said = subprocess.run([program, "-version"], capture_output=True, text=True).stderr
    except OSError:
        return 0
    found = re.search(r'version "(\d+)', said)
    return int(found[1]) if found else 0


if java() < 17:
    pytest.skip("--- SKIP: libmtl.spark: NOTHING OF IT WAS TESTED: there is no Java 17 or newer", allow_module_level=True)

import libmtl.spark
import pyspark
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

MODEL = ZOO / "mtl-mobile"
SPARK_HOME = pathlib.Path(pyspark.__file__).parent
TEXTS = ["Maria Jensen moved from Copenhagen to Toronto.", "", "Ada sails to Oslo.", None,
         "\U0001f600 Вчера в Казани открылась выставка Ирины Соколовой."]
PARTITIONS = 16


class Cluster:
    """A standalone cluster on the loopback device, of two workers with a core each."""

    def __init__(self, folder):
        self.folder = folder
        self.environment = os.environ | {"SPARK_HOME": str(SPARK_HOME), "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable,
                                         "SPARK_NO_DAEMONIZE": "1"}
        self.processes = []

    def start(self):
        self._start("master", "deploy.master.Master")
        self.url = "spark://127.0.0.1:" + self._said("master", "Starting Spark master at spark://127.0.0.1:")
        for number in (1, 2):
            self._start(f"worker-{number}", "deploy.worker.Worker", "--cores", "1", "--memory", "700m", "--work-dir", self.folder / f"work-{number}", self.url)
        for number in (1, 2):
            self._said(f"worker-{number}", "Successfully registered with master ")
        self.workers = self.processes[1:]

    def _start(self, name, kind, *options):
        """Starts a process in a group of its own."""
        command = [SPARK_HOME / "bin/spark-class", f"org.apache.spark.{kind}", "--host", "127.0.0.1", "--port", "0", "--webui-port", "0", *options]
        with open(self.folder / f"{name}.log", "wb") as log:
            self.processes.append(subprocess.Popen(command, env=self.environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True))

    def _said(self, name, words):
        """Waits for a process to say `words`, and returns what comes after them in their line."""
        log = self.folder / f"{name}.log"
        for _ in range(1800):
            line, ended, _ = log.read_text("utf-8", "replace").partition(words)[2].partition("\n")
            if ended:
                return line
            assert self.processes[-1].poll() is None, log.read_text("utf-8", "replace")
            time.sleep(0.1)
        raise TimeoutError(log.read_text("utf-8", "replace"))

    def stop(self):
        for process in reversed(self.processes):
            kill(process)


def kill(process):
    """Ends a process that we started, with what it started, at once."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def spark(cluster):
    os.environ.update({name: cluster.environment[name] for name in ("SPARK_LOCAL_IP", "PYSPARK_PYTHON")})
    settings = {"spark.executor.memory": "512m", "spark.executor.cores": "1", "spark.driver.host": "127.0.0.1", "spark.ui.enabled": "false",
                "spark.sql.shuffle.partitions": "2", "spark.sql.execution.arrow.maxRecordsPerBatch": "50", "spark.network.timeout": "60s",
                "spark.executor.heartbeatInterval": "5s", "spark.local.dir": str(cluster.folder / "local")}
    builder = SparkSession.builder.master(cluster.url).appName("libmtl")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    yield session
    session.stop()


def documents(spark, count, partitions):
    """`count` rows with a text each, all of them other texts."""
    rows = [(number, None if text is None else f"{text} {number}." if text else text)
            for number in range(count) for text in [TEXTS[number % len(TEXTS)]]]
    return spark.createDataFrame(spark.sparkContext.parallelize(rows, partitions), "id long, text string"), rows


def expected(model, rows, **options):
    """What the model says of rows, on this machine, without Spark."""
    made = libmtl.arrow.tag(model, pa.array([text for _, text in rows], pa.string()), **options).to_pylist()
    return {number: tags for (number, _), tags in zip(rows, made)}


def test_a_worker_that_is_killed_loses_nothing_and_repeats_nothing(spark, cluster, model, tmp_path):
    count = 10 * PARTITIONS
    frame, rows = documents(spark, count, PARTITIONS)

    def slowly(batches):
        for batch in batches:
            time.sleep(0.5)
            yield batch

    metrics = libmtl.spark.Metrics(spark)
    bundle = libmtl.spark.ship(spark, MODEL)
    tagged = libmtl.spark.tag(frame.mapInArrow(slowly, frame.schema), bundle, scores=True, metrics=metrics)
    victim, seen = cluster.workers[0], {}
    tracker = spark.sparkContext.statusTracker()

    def kill_in_the_middle():
        while not seen:
            for stage in map(tracker.getStageInfo, tracker.getActiveStageIds()):
                if stage and stage.numTasks == PARTITIONS and stage.numCompletedTasks >= 3 and stage.numActiveTasks == 2:
                    seen.update(done=stage.numCompletedTasks)
                    kill(victim)
                    return
            time.sleep(0.05)

    killer = threading.Thread(target=kill_in_the_middle, daemon=True)
    killer.start()
    tagged.write.parquet(str(tmp_path / "tagged"))
    killer.join(10)
    assert 3 <= seen["done"] < PARTITIONS - 2
    assert victim.poll() == -signal.SIGKILL

    found = pq.read_table(tmp_path / "tagged").to_pylist()
    assert sorted(row["id"] for row in found) == list(range(count))
    wanted = expected(model, rows, scores=True)
    for row in found:
        assert row["text"] == rows[row["id"]][1] and row["mtl"] == wanted[row["id"]]
        assert row["mtl_status"] == ("null" if row["text"] is None else "ok")
    assert len(metrics.partitions) == PARTITIONS
    total = metrics.total
    assert (total.rows, total.errors) == (count, 0) and total.seconds > 0
    assert total.tokens == sum(len(tags["tokens"]) for tags in wanted.values() if tags)


def test_a_row_has_a_status_of_its_own(spark, model):
    frame = spark.createDataFrame([(1, bytearray(b"Ada sails to Oslo.")), (2, bytearray(b"caf\xe9")), (3, None)], "id int, raw binary")
    metrics = libmtl.spark.Metrics(spark)
    tagged = libmtl.spark.tag(frame.repartition(2), str(MODEL), "raw", output="found", status="outcome", tasks=["ner"], language="en", metrics=metrics)
    rows = {row["id"]: row for row in tagged.collect()}
    assert {number: row["outcome"] for number, row in rows.items()} == {1: "ok", 2: "input", 3: "null"}
    assert "UTF-8" in rows[2]["found"]["error"] and rows[3]["found"] is None and set(rows[1]["found"].asDict()) == {"language", "error", "tokens", "ner"}
    assert (metrics.total.rows, metrics.total.errors) == (3, 1)
    names = tagged.selectExpr("id", "explode(found.ner.spans) as name").select("id", "name.label", "name.start", "name.end").collect()
    assert [tuple(row) for row in names] == [(1, *span[:3]) for span in model.tag(["Ada sails to Oslo."], language="en")[0]["ner"].spans]


def test_words(spark, model):
    frame = spark.createDataFrame([(["Ada", "sails"],), (["Ada", None],), ([],)], "words array<string>")
    rows = libmtl.spark.tag(frame, MODEL, "words", language="en").collect()
    assert [row["mtl_status"] for row in rows] == ["ok", "input", "ok"] and [len(row["mtl"]["tokens"]) for row in rows] == [2, 0, 0]
    assert rows[0]["mtl"]["upos"]["labels"] == model.tag([["Ada", "sails"]], language="en")[0]["upos"].labels


def test_exercises(spark, scorer):
    words = [["I", "drink", "the", "water"], ["she", "sails"], ["a", None]]
    users = ["one", "two", "two"]
    frame = spark.createDataFrame(list(zip(words, users)), "words array<string>, user string")
    frame = frame.withColumn("exercise", F.struct("words", "user", F.lit("en_es").alias("track"), F.lit(3).alias("days")))
    learner = scorer.adapt([(libmtl.Exercise(words[0], user="one", track="en_es"), [True] * 4)])
    metrics = libmtl.spark.Metrics(spark)
    rows = libmtl.spark.score(frame, ZOO / "sla-demo", learners=[learner], calibrated=True, metrics=metrics).collect()
    exercises = [libmtl.Exercise(words, user=user, track="en_es", days=3) for words, user in zip(words[:2], users)]
    for row, found in zip(rows, scorer.score(exercises, calibrated=True, learners=[learner])):
        made = row["mtl"]
        assert row["mtl_status"] == "ok" and made["track"] == "en_es" and made["error"] is None
        assert [(one["instance"], one["word"], one["mistake"]) for one in made["words"]] == [(None, *pair) for pair in zip(row["words"], found.mistakes)]
    assert rows[2]["mtl_status"] == "input" and rows[2]["mtl"]["words"] is None and "null" in rows[2]["mtl"]["error"]
    assert (metrics.total.rows, metrics.total.errors, metrics.total.tokens) == (3, 1, 6)


def batch(mtl, folder, what, *options):
    """The rows that `mtl batch` writes."""
    subprocess.run([mtl, "batch", what, "--quiet", "--output", folder, *options], check=True)
    return pa.concat_tables(map(pq.read_table, sorted(folder.glob("part-*.parquet"))))


def compared(frame, table):
    """That Spark's rows have the types and the values of a table, once both are sorted by a column that no two rows share."""
    made = pa.Table.from_batches(frame.coalesce(1).toArrow().to_batches())
    assert made.schema.field("mtl").type == table.schema.field("mtl").type
    assert made.column_names == [*table.column_names, "mtl_status"]
    for name in table.column_names:
        assert made[name].to_pylist() == table[name].to_pylist(), name


def test_tag_says_what_mtl_batch_says(spark, mtl, tmp_path):
    frame, rows = documents(spark, 300, 1)
    pq.write_table(pa.table({"id": [number for number, _ in rows], "text": [text for _, text in rows]}), tmp_path / "rows.parquet")
    for name, options, more in (("plain", {}, []), ("spans", {"scores": True, "unit": "utf16", "tasks": ["ner"]}, ["--scores", "--offsets", "utf16", "--task", "ner"])):
        table = batch(mtl, tmp_path / name, "tag", "--model", MODEL, "--input", tmp_path / "rows.parquet", *more)
        assert table.num_rows == 300
        compared(libmtl.spark.tag(frame.repartition(3), MODEL, **options).orderBy("id"), table)


def test_score_says_what_mtl_batch_says(spark, mtl, tmp_path):
    table = batch(mtl, tmp_path / "scored", "score", "--model", ZOO / "sla-demo", "--input", ZOO / "en_es.demo.slam", "--track", "en_es", "--calibrated")
    given = spark.read.parquet(str(tmp_path / "scored")).drop("mtl").coalesce(1)
    fields = ["instances", "words", "user", "countries", "days", "client", "session", "format", "time"]
    frame = given.withColumn("exercise", F.struct(*fields, F.lit("en_es").alias("track")))
    scored = libmtl.spark.score(frame, ZOO / "sla-demo", calibrated=True).drop("exercise")
    assert table.num_rows > 10
    compared(scored, table)


def test_another_bundle_on_an_executor_is_refused(spark, tmp_path):
    place = tmp_path / "bundle"
    shutil.copytree(MODEL, place)
    # A model of its own, for the processes of earlier tests have one with this digest, and would not look at the path.
    tagged = libmtl.spark.tag(documents(spark, 4, 1)[0], place, opening={"word_cache": 0})
    shutil.rmtree(place)
    shutil.copytree(ZOO / "mtl-base", place)
    with pytest.raises(Exception, match="the driver's has .*libmtl.spark.ship"):
        tagged.collect()


@pytest.mark.parametrize(("call", "words"), [
    (lambda frame: libmtl.spark.tag(frame, MODEL, "words"), "name one of id, text"),
    (lambda frame: libmtl.spark.tag(frame, MODEL, "id"), "pass strings"),
    (lambda frame: libmtl.spark.tag(frame, MODEL, tasks=["nre"]), "its tasks are"),
    (lambda frame: libmtl.spark.tag(frame, MODEL, tasks="ner"), "pass a list of names"),
    (lambda frame: libmtl.spark.tag(frame, MODEL, output="Text"), "call the new ones otherwise"),
    (lambda frame: libmtl.spark.tag(frame, MODEL, output="one", status="one"), "call the new ones otherwise"),
    (lambda frame: libmtl.spark.tag(frame, MODEL, opening={"pool": libmtl.Pool(1)}), "a task has one core"),
    (lambda frame: libmtl.spark.tag(frame, "nowhere/at-all"), "check the path"),
    (lambda frame: libmtl.spark.tag(frame, ZOO / "sla-demo"), "is a scorer"),
    (lambda frame: libmtl.spark.score(frame, ZOO / "sla-demo", "text"), "structs with the field words"),
    (lambda frame: libmtl.spark.score(frame.select(F.struct("text").alias("exercise")), ZOO / "sla-demo"), "no field words"),
    (lambda frame: libmtl.spark.score(frame.select(F.struct(F.array("text").alias("words"), "id").alias("exercise")), ZOO / "sla-demo"), "leave it out"),
])
def test_refusals(spark, call, words):
    with pytest.raises(libmtl.Error, match=words):
        call(documents(spark, 2, 1)[0])
