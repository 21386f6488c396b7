"""What everything builds on and what knows nothing of videos: logs, traces, processes."""
