"""`oriane show`: all about one video, with its contact sheet."""
