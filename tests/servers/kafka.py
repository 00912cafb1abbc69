"""One real Kafka (KRaft: broker and controller in one JVM)."""

from __future__ import annotations

import socket
import struct
import subprocess
from pathlib import Path

from pipeline.java import find_java
from tests.servers import jars
from tests.servers.process import Server, free_port

_LOG4J = """<Configuration status="WARN"><Appenders><Console name="out" target="SYSTEM_OUT">
<PatternLayout pattern="%d %p %c{1} %m%n"/></Console></Appenders>
<Loggers><Root level="WARN"><AppenderRef ref="out"/></Root></Loggers></Configuration>"""


class KafkaServer(Server):
    """A broker on ``port`` (its controller on a port of its own) with ``properties`` over the usual ones.

    Who comes over ``far_port`` is told to stay on it: there a test may put a relay to ``relayed_port``.
    """

    def __init__(self, folder: Path, properties: dict[str, str] | None = None) -> None:
        super().__init__(folder)
        self.port, self._controller_port = free_port(), free_port()
        self.far_port, self.relayed_port = free_port(), free_port()
        self._jars = jars.folder(f"kafka-{jars.KAFKA}")
        self._java = str(find_java().program)
        (folder / "log4j2.xml").write_text(_LOG4J)
        lines = {**self._properties(), **(properties or {})}.items()
        (folder / "server.properties").write_text("".join(f"{name}={value}\n" for name, value in lines))
        self._format()

    @property
    def url(self) -> str:
        return f"kafka://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        options = ["-Xms128m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true"]
        options += [*self._class_archive(), f"-Dlog4j2.configurationFile={self.folder}/log4j2.xml"]
        return [self._java, *options, "-cp", f"{self._jars}/*", "kafka.Kafka", str(self.folder / "server.properties")]

    def answers(self) -> bool:
        """Whether a metadata request lists a broker: a mere connection succeeds too early."""
        request = struct.pack(">hhih2si", 3, 1, 7, 2, b"hc", 0)
        try:
            with socket.create_connection(("127.0.0.1", self.port), 0.5) as connection:
                connection.settimeout(2)
                connection.sendall(struct.pack(">i", len(request)) + request)
                answer = connection.makefile("rb")
                length: int = struct.unpack(">i", answer.read(4))[0]
                brokers: int = struct.unpack_from(">i", answer.read(length), 4)[0]
                return brokers > 0
        except (OSError, struct.error):
            return False

    def _class_archive(self) -> list[str]:
        # Written at the first clean stop; later starts take a third of the time.
        archive = self._jars / "classes.jsa"
        use = f"-XX:SharedArchiveFile={archive}" if archive.exists() else f"-XX:ArchiveClassesAtExit={archive}"
        return [use, "-Xshare:auto", "-Xlog:disable", "-Xlog:all=error:stderr"]

    def _format(self) -> None:
        tool = [self._java, "-XX:TieredStopAtLevel=1", "-cp", f"{self._jars}/*", "kafka.tools.StorageTool"]
        made = subprocess.run([*tool, "random-uuid"], capture_output=True, text=True, check=True).stdout.split()[-1]
        configuration = str(self.folder / "server.properties")
        subprocess.run(
            [*tool, "format", "--standalone", "-t", made, "-c", configuration], capture_output=True, check=True
        )

    def _properties(self) -> dict[str, str]:
        broker, controller = f"127.0.0.1:{self.port}", f"127.0.0.1:{self._controller_port}"
        near = f"PLAINTEXT://{broker},CONTROLLER://{controller}"
        return {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.bootstrap.servers": controller,
            "listeners": f"{near},FAR://127.0.0.1:{self.relayed_port}",
            "advertised.listeners": f"{near},FAR://127.0.0.1:{self.far_port}",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,FAR:PLAINTEXT",
            "log.dirs": str(self.folder / "log"),
            "auto.create.topics.enable": "false",
            # After a kill a broker waits until its old session has expired: 9 s by default.
            "broker.session.timeout.ms": "3000",
            "broker.heartbeat.interval.ms": "500",
            "offsets.topic.num.partitions": "1",
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.num.partitions": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            # How often it looks for transactions that took too long: every 10 s by default.
            "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "share.coordinator.state.topic.num.partitions": "1",
            "group.initial.rebalance.delay.ms": "0",
            # The default of 128 MB does not go into this heap.
            "log.cleaner.dedupe.buffer.size": str(16 << 20),
            "num.network.threads": "2",
            "num.io.threads": "4",
            "background.threads": "2",
        }
