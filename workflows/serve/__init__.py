"""`oriane serve`: search and the library over HTTP, for people and programs."""
