"""Drop a folder, get a URL: hosts many AI-generated web apps on a server you own."""

__version__ = "0.1.0"
