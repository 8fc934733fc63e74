"""A page to try a running server on: `make serve` in one terminal, `make demo` in another.

Installed, it is `python -m localqa.demo`.
"""

import argparse
import os
import sys
from collections.abc import Sequence

_LAST_PORT = 65_535


def main(argv: Sequence[str] | None = None) -> int:
    """Serve the page until it is ended; returns the exit status."""
    args = _parser().parse_args(argv)
    # First of all: it keeps Gradio from telling its makers of every start.
    import localqa  # noqa: F401 - imported for that effect

    try:
        import gradio  # noqa: F401 - the page below needs it

        from localqa.demo.api import Api
    except ImportError:
        print("error: gradio is not installed", file=sys.stderr)
        print("  what to do: make demo, or pip install 'localqa[demo]'", file=sys.stderr)
        return 2
    from localqa.demo.page import CSS, THEME, make_page

    url = args.api if "://" in args.api else f"http://{args.api}"
    try:
        page = make_page(Api(url.rstrip("/"), args.key)).queue(default_concurrency_limit=8)
        page.launch(
            server_name=args.host,
            server_port=args.port,
            theme=THEME,
            css_paths=CSS,
            share=False,
            # Texts and answers would be kept in the browser.
            run_history=False,
            footer_links=[],
            quiet=True,
            prevent_thread_lock=True,
        )
        print(f"The page is at http://{args.host}:{args.port}, and asks {url} (Ctrl+C ends it)", flush=True)
        page.block_thread()
    except OSError:
        print(f"error: port {args.port} of {args.host} is not free", file=sys.stderr)
        print("  what to do: PORT=7861 make demo, or --port 7861, or another --host", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--api",
        default=os.environ.get("LOCALQA_API", "http://localhost:5000"),
        help="address of the server (also LOCALQA_API) [http://localhost:5000]",
    )
    parser.add_argument(
        "--key",
        default=os.environ.get("LOCALQA_KEY", ""),
        help="API key of the server, if it has keys; whoever "
        "opens the page uses it (better in LOCALQA_KEY, where other users do not see it)",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on [127.0.0.1]")
    parser.add_argument(
        "--port",
        type=_port,
        default=os.environ.get("PORT") or "7860",
        help="port to listen on (also PORT) [7860]",
    )
    return parser


def _port(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= _LAST_PORT):
        raise argparse.ArgumentTypeError(f"'{text}' is no port: give a whole number from 1 to {_LAST_PORT}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
