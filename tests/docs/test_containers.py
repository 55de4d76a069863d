"""The files of the image and the containers; tests/containers runs them."""

import json
import re
import shutil
import socket
import stat
import subprocess
import tomllib
from pathlib import Path

from shillings.runtime import settings
from shillings.testing.ports import free_port
from tests.pages import ROOT, read
from tests.programs import require_programs
from tests.running import clean_environ, run_shillings
from tests.service import AppServer, Service

DEPLOY = ROOT / "deploy"
COMPOSE = read(DEPLOY / "compose.yaml")
DOCKERFILE = read(DEPLOY / "Dockerfile")
KEYS = {"SHILLINGS_JWT_KEYS", "SHILLINGS_DELIVERER_KEY"}
SECRETS = KEYS | {"MARIADB_PASSWORD", "MARIADB_ROOT_PASSWORD", "REDIS_PASSWORD"}


def _split(text: str, indent: int) -> dict[str, str]:
    """The keys of one level of a YAML mapping that is written in our own plain style, with what is under each."""
    parts = re.split(rf"^ {{{indent}}}([\w-]+):", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _services() -> dict[str, str]:
    """Each service's text, with the anchors it refers to put behind it."""
    top = _split(COMPOSE, 0)
    anchors = {found[1]: text for text in top.values() if (found := re.match(r" &([\w-]+)", text))}

    def whole(text: str) -> str:
        return text + "".join(whole(anchors[name]) for name in re.findall(r"\*([\w-]+)", text) if name in anchors)

    return {name: whole(text) for name, text in _split(top["services"], 2).items()}


def test_all_parts_are_there() -> None:
    """The services are those of the production stack; a cluster's further ones start only where it is wanted."""
    services = _services()
    always = {"nginx", "web", "app-1", "app-2", "webhooks", "migrate", "mariadb", "redis"}

    assert {name for name, text in services.items() if "profiles: [cluster]" in text} == services.keys() - always
    assert services.keys() - always == {"mariadb-2", "mariadb-3", "haproxy"}


def test_every_server_has_a_health_check_and_comes_back() -> None:
    """Each service that stays has a health check, and is started again when it dies."""
    for name, text in _services().items():
        if name != "migrate":
            assert re.search(r"healthcheck:\n +test: \[CMD, ", text), name
            assert "restart: unless-stopped" in text, name


def test_schema_comes_before_the_application_servers() -> None:
    """Application servers start when the migration has ended well, which waits for a healthy database."""
    services = _services()

    assert "migrate: {condition: service_completed_successfully}" in services["app-1"]
    assert "mariadb: {condition: service_healthy}" in services["migrate"]
    assert "command: [migrate]" in services["migrate"]


def test_every_application_server_is_known() -> None:
    """The web servers and the deliverer are told the address of each application server, at the port it listens at."""
    services = _services()
    apps = [name for name in services if name.startswith("app-")]

    addresses = ",".join(f"tcp://{name}:7000" for name in apps)
    assert all(f'--app, "{addresses}"]' in services[name] for name in ("web", "webhooks"))
    assert all('command: [app, --listen, "tcp://0.0.0.0:7000"]' in services[name] for name in apps)


def test_mounted_files_exist() -> None:
    """Every file of the project that is mounted into a container is there."""
    mounted = re.findall(r"- \./(\S+?):", COMPOSE)

    assert "nginx/shillings.conf.template" in mounted
    assert all((DEPLOY / path).is_file() for path in mounted)


def test_nginx_gets_the_variables_of_its_template() -> None:
    """The container of nginx has each variable that the template wants, and no other of ours."""
    template = re.sub(r"^#.*$", "", read(DEPLOY / "nginx" / "shillings.conf.template"), flags=re.MULTILINE)
    wanted = set(re.findall(r"\$\{([A-Z_]+)\}", template))

    assert set(re.findall(r"^ +(SHILLINGS_\w+):", _services()["nginx"], re.MULTILINE)) == wanted


def test_haproxy_gets_the_variables_of_its_configuration() -> None:
    """The container of HAProxy has each variable that its configuration wants, and each node that it names exists."""
    wanted = set(re.findall(r"\$\{([A-Z0-9_]+)\}", read(DEPLOY / "haproxy" / "haproxy.cfg")))
    services = _services()
    given = dict(re.findall(r"^ +(SHILLINGS_\w+): (\S+)$", services["haproxy"], re.MULTILINE))

    assert given.keys() == wanted
    nodes = [address.removesuffix(":3306") for name, address in given.items() if "_NODE" in name]
    assert nodes == ["mariadb", "mariadb-2", "mariadb-3"]
    assert [services[node].count(f"GALERA_NAME: {node}") for node in nodes] == [1, 1, 1]


def test_variables_are_explained() -> None:
    """What the compose file asks for is in .env.example; what must be given is empty there, the rest is the default."""
    example = dict(re.findall(r"^([A-Z_]+)=(.*)$", read(DEPLOY / ".env.example"), re.MULTILINE))
    required = dict.fromkeys(re.findall(r"\$\{([A-Z_]+):\?", COMPOSE), "")
    optional = dict(re.findall(r"\$\{([A-Z_]+):-([^}]*)\}", COMPOSE))
    optional |= dict.fromkeys(re.findall(r"\$\{([A-Z_]+):\+", COMPOSE), "")

    assert example == required | optional
    assert set(required) == SECRETS


TOLD = {
    "app-1": SECRETS - {"MARIADB_ROOT_PASSWORD"}, "app-2": SECRETS - {"MARIADB_ROOT_PASSWORD"},
    "webhooks": {"SHILLINGS_DELIVERER_KEY"}, "migrate": {"MARIADB_PASSWORD"},
    "mariadb": {"MARIADB_PASSWORD", "MARIADB_ROOT_PASSWORD"}, "redis": {"REDIS_PASSWORD"},
}  # fmt: skip


def test_containers_are_told_the_secrets_they_need() -> None:
    """No container is told a secret that it could do without, and none by a command, an argument or a label."""
    named = dict(re.findall(r"&([\w-]+) (.*\$\{.*)$", COMPOSE, re.MULTILINE))
    for name, text in _services().items():
        whole = text + "".join(named.get(anchor, "") for anchor in re.findall(r"\*([\w-]+)$", text, re.MULTILINE))
        assert set(re.findall(r"\$\{(\w+):\?", whole)) == TOLD.get(name, set()), name
    for line in COMPOSE.splitlines():
        if SECRETS & set(re.findall(r"\$\{(\w+)", line)):
            assert re.match(r" +[A-Z_]+: ", line), line
    assert not SECRETS & set(re.findall(r"\w+", DOCKERFILE))


def test_containers_have_no_privilege() -> None:
    """Every container drops all capabilities and gains none; nginx gets four back, and none is privileged."""
    for name, text in _services().items():
        assert "cap_drop: [ALL]" in text, name
        assert 'security_opt: ["no-new-privileges:true"]' in text, name
        back = re.findall(r"cap_add: (.*)", text)
        assert back == (["[CHOWN, NET_BIND_SERVICE, SETGID, SETUID]"] if name == "nginx" else []), name
        assert "privileged:" not in text, name


def test_settings_of_the_containers_exist() -> None:
    """Every setting that a container of ours gets is one."""
    known = {name for name, _, _ in settings.describe()}
    ours = "".join(text for name, text in _services().items() if name not in {"nginx", "haproxy"})

    assert set(re.findall(r"^ +(SHILLINGS_\w+):", ours, re.MULTILINE)) <= known


def test_database_is_durable() -> None:
    """Each database container writes each commit to the disk, whole, and the application servers insist on it."""
    services = _services()

    for name in ("mariadb", "mariadb-2", "mariadb-3"):
        assert "--innodb-flush-log-at-trx-commit=1" in services[name]
        assert "--innodb-doublewrite=1" in services[name]
    assert 'SHILLINGS_REQUIRE_DURABLE: "1"' in services["app-1"]


def test_images_are_pinned() -> None:
    """No image is whatever is newest: each is a variable whose default has a tag with a whole version."""
    images = re.findall(r"^ +image: (\S+)$", COMPOSE, re.MULTILINE)
    pinned = [
        re.search(r"^\$\{[A-Z]+_IMAGE:-[a-z]+:\d+\.\d+\.\d+\}$", image) for image in images if image != "shillings"
    ]
    [ours] = re.findall(r"^ARG PYTHON_IMAGE=(\S+)$", DOCKERFILE, re.MULTILINE)

    assert len(pinned) == 4
    assert all(pinned)
    assert re.fullmatch(r"python:\d+\.\d+\.\d+-slim-bookworm", ours)
    assert f"PYTHON_IMAGE: ${{PYTHON_IMAGE:-{ours}}}" in COMPOSE
    assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) == ["${PYTHON_IMAGE}"] * 2


def test_make_starts_the_containers() -> None:
    """The Makefile's targets use this compose file and this Dockerfile."""
    for target, parts in {
        "build": ["docker build", "deploy/Dockerfile"],
        "prod": ["docker compose --file deploy/compose.yaml up", "--wait", "--scale web=5"],
        "start": ["docker compose --file deploy/compose.yaml up"],
        "stop": ["docker compose --file deploy/compose.yaml down"],
    }.items():
        printed = _run("make", "--dry-run", target, cwd=ROOT).stdout
        assert all(part in printed for part in parts), printed


def test_make_writes_secrets_once(tmp_path: Path) -> None:
    """`make prod` writes deploy/.env with fresh secrets, for its owner only, and never writes over one."""
    require_programs("openssl")
    (tmp_path / "deploy").mkdir()
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copy(DEPLOY / ".env.example", tmp_path / "deploy")
    file = tmp_path / "deploy" / ".env"

    assert _run("make", "deploy/.env", cwd=tmp_path).returncode == 0
    written = file.read_text()
    assert _run("make", "deploy/.env", cwd=tmp_path).returncode == 0

    assert file.read_text() == written
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    values = dict(re.findall(r"^([A-Z_]+)=(.*)$", written, re.MULTILINE))
    assert all(re.fullmatch(r"[0-9a-f]{48}", values[name]) for name in SECRETS - KEYS)
    assert len({values[name] for name in SECRETS}) == len(SECRETS)
    made = settings.read({name: values[name] for name in KEYS})
    assert (len(made.jwt_keys), len(made.deliverer_key)) == (64, 64)
    assert "/deploy/.env" in read(ROOT / ".gitignore").split()


def test_make_clean_removes_no_data(tmp_path: Path) -> None:
    """`make clean` removes what was installed, and neither what the servers keep nor their secrets."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    kept = {".shillings/shillings.db", ".prod-local/mariadb/x", ".prod-cluster/node-1/x", "deploy/.env", "notes.txt"}
    for path in (*kept, ".venv/bin/python", "dist/x.whl"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()

    assert _run("make", "clean", cwd=tmp_path).returncode == 0

    left = {str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file()}
    assert left == kept | {"Makefile"}


def test_image_is_unprivileged_and_keeps_asserts() -> None:
    """The image runs as a numbered user that is not root, has a health check, and no switch removes asserts."""
    instructions = re.sub(r"^#.*$", "", DOCKERFILE, flags=re.MULTILINE)

    assert re.findall(r"^USER (.*)$", instructions, re.MULTILINE) == ["10001:10001"]
    assert "HEALTHCHECK" in instructions
    assert not re.search(r"PYTHONOPTIMIZE| -OO?\b", instructions + re.sub(r"^ *#.*$", "", COMPOSE, flags=re.MULTILINE))


def test_image_gets_the_files_it_copies() -> None:
    """Everything that the Dockerfile copies from the project exists, and .dockerignore lets it through."""
    lines = re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE)
    copied = {path for line in lines for path in line.split()}
    let_through = {line[1:] for line in read(ROOT / ".dockerignore").split() if line.startswith("!")}

    assert copied == let_through
    assert all((ROOT / path).exists() for path in copied)


def test_image_health_check_tells_the_truth(tmp_path: Path) -> None:
    """The image's own health check succeeds while a web server answers, and fails when none does."""
    found = re.search(r"HEALTHCHECK [^\[]*CMD (\[.*\])", DOCKERFILE)
    assert found
    command = [part.replace("127.0.0.1:8080", "{}") for part in json.loads(found[1])]
    with Service(tmp_path) as service:
        assert _health(command, f"127.0.0.1:{service.port}").returncode == 0
        service.stop()
        assert _health(command, f"127.0.0.1:{service.port}").returncode != 0


def test_app_health_check_tells_the_truth(tmp_path: Path) -> None:
    """`shillings ready` succeeds while an application server can serve, and says why when it cannot."""
    with AppServer(tmp_path) as server:
        address = f"tcp://127.0.0.1:{server.port}"
        said = run_shillings("ready", "--app", address, cwd=tmp_path)
        assert (said.returncode, said.stdout, said.stderr) == (0, "Ready.\n", "")
        server.stop()
        said = run_shillings("ready", "--app", address, cwd=tmp_path)
        assert said.returncode == 1
        assert said.stderr.startswith(f"shillings: {address} is not ready: ")


def test_app_health_check_does_not_wait_for_ever(tmp_path: Path) -> None:
    """A server that accepts and says nothing is not ready, within a few seconds; a wrong address is a mistake."""
    with socket.create_server(("127.0.0.1", free_port())) as silent:
        said = run_shillings("ready", "--app", f"tcp://127.0.0.1:{silent.getsockname()[1]}", cwd=tmp_path)
    assert (said.returncode, said.stderr.count("no answer within 2 s")) == (1, 1)

    assert run_shillings("ready", "--app", "somewhere", cwd=tmp_path).returncode == 2


def test_production_lock_is_a_part_of_the_tested_one() -> None:
    """The image gets the versions that were tested, each by hash, no tool of the developers, and no index is named."""
    tested, production = _locked("requirements.lock"), _locked("requirements-production.lock")
    project = tomllib.loads(read(ROOT / "pyproject.toml"))
    extras = project["project"]["optional-dependencies"]
    direct = [*project["project"]["dependencies"], *extras["mysql"], *extras["redis"], *extras["webhooks"]]
    groups = project["dependency-groups"]
    tools = {_name(line) for group in groups.values() for line in group if isinstance(line, str)}

    assert production.items() <= tested.items()
    assert {_name(line) for line in direct} <= production.keys()
    assert not tools & production.keys()
    for lock in ("requirements-production.lock", "deploy/requirements-build.lock"):
        text = read(ROOT / lock)
        assert "://" not in text
        assert all("--hash=sha256:" in part for part in re.split(r"^(?=[a-z])", text, flags=re.MULTILINE)[1:])


def _locked(path: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", read(ROOT / path), re.MULTILINE))


def _name(requirement: str) -> str:
    return re.split(r"[\[<>=]", requirement)[0].lower()


def _health(command: list[str], address: str) -> subprocess.CompletedProcess[str]:
    return _run(*(part.replace("{}", address) for part in command), cwd=ROOT)


def _run(*command: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, env=clean_environ(variables), capture_output=True, text=True, timeout=30, check=False
    )
