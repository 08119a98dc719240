"""The program of a dataplane process, which `nextmini.hosts.local` starts.

It reads its options and calls the native module, which hosts the nodes. There may be one of it for every
node, so it imports next to nothing, not even what other programs have for options: `argparse` and `typing`
alone are as large as the rest of the interpreter. `nextmini dataplane` is the same for people.
"""

import sys

TYPE_CHECKING = False  # typing's is the same to a type checker
if TYPE_CHECKING:
    from collections.abc import Sequence

USAGE = (
    "--controller URL --token-file FILE --process N [--listen HOST:PORT] [--workers N] [--namespace PATH]"
    " [--captures FILE] [--tls-fingerprint HEX | --tls-fingerprint-file FILE | --tls-ca FILE]"
    " [--batching on|off] [--exit-with-parent]"
)
_DEFAULTS = {"--listen": "127.0.0.1:0", "--workers": "0", "--batching": "on"}
_NAMES = (
    *("--controller", "--token-file", "--process", "--listen", "--workers", "--namespace", "--captures"),
    *("--tls-fingerprint", "--tls-fingerprint-file", "--tls-ca", "--batching"),
)
_FLAG = "--exit-with-parent"


def main(arguments: "Sequence[str]") -> int:
    """Runs a dataplane process to its end; returns the exit code."""
    options = _options(arguments)
    if options is None:
        return _failed(f"the options of a dataplane process are {USAGE}", 2)
    texts = {"--tls-fingerprint-file": options.get("--tls-fingerprint")}
    for name, what in (("--token-file", "token file"), ("--tls-fingerprint-file", "file of the fingerprint")):
        path = options.get(name)
        if path is None:
            continue
        try:
            with open(path, encoding="ascii") as file:
                texts[name] = file.read().strip()
        except (OSError, UnicodeDecodeError) as error:
            return _failed(f"the {what} {path} cannot be read: {error}", 2)
    return run(
        options["--controller"],
        str(texts["--token-file"]),
        int(options["--process"]),
        listen=options["--listen"],
        workers=int(options["--workers"]),
        captures=options.get("--captures"),
        exit_with_parent=_FLAG in options,
        namespace=options.get("--namespace"),
        tls_fingerprint=texts["--tls-fingerprint-file"],
        tls_ca=options.get("--tls-ca"),
        batching=options["--batching"] == "on",
    )


def run(
    controller: str,
    token: str,
    process: int | str,
    *,
    listen: str | None,
    workers: int,
    captures: str | None,
    exit_with_parent: bool,
    namespace: str | None = None,
    tls_fingerprint: str | None = None,
    tls_ca: str | None = None,
    ports: tuple[int, int] | None = None,
    public: str | None = None,
    batching: bool = True,
) -> int:
    """Runs the native module; SIGTERM and SIGINT stop it in order. Returns the exit code.

    `process` is its index, or the name of a site of which it is to be one. Then `ports` and `public` may say
    otherwise than the scenario where links arrive. Without `batching`, links and lossless flows move one
    packet at a time, which is there to be compared with.
    """
    try:
        from nextmini import _native
    except ImportError as error:
        return _failed(f"the native module is missing: {error}; install Nextmini again", 2)
    try:
        _native.run_dataplane(
            controller=controller,
            token=token,
            process=process,
            listen=listen,
            workers=workers,
            captures=captures,
            exit_with_parent=exit_with_parent,
            namespace=namespace,
            tls_fingerprint=tls_fingerprint,
            tls_ca=tls_ca,
            ports=ports,
            public=public,
            batching=batching,
        )
    except _native.DataplaneError as error:
        who = f"dataplane process {process}" if isinstance(process, int) else f"site {process}"
        return _failed(f"{who}: {error}", 1)
    return 0


def _failed(message: str, exit_code: int) -> int:
    sys.stderr.write(f"error: {message}\n")
    return exit_code


def _options(arguments: "Sequence[str]") -> dict[str, str] | None:
    """The options by name; None if they make no sense."""
    found = dict(_DEFAULTS)
    words = iter(arguments)
    for word in words:
        if word == _FLAG:
            found[word] = ""
            continue
        value = next(words, None)
        if word not in _NAMES or value is None:
            return None
        found[word] = value
    numbers = (found.get("--process", ""), found["--workers"])
    complete = "--controller" in found and "--token-file" in found
    known = found["--batching"] in ("on", "off")
    return found if complete and known and all(map(_is_number, numbers)) else None


def _is_number(text: str) -> bool:
    return text.isdecimal() and int(text) < 2**32
