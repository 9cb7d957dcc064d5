"""How good a model is: its estimates of whole real songs against their sources."""
