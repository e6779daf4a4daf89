"""`python -m weld_cli`"""

from weld_cli.main import app

if __name__ == "__main__":
    app(prog_name="weldserve")
