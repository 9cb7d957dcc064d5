"""Hear stem files in a browser: a server for this machine only, and the page that it serves."""
