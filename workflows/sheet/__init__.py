"""Contact sheets: pictures of what was kept of videos, and of what a search found."""
