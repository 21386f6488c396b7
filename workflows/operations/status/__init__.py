"""`oriane status`: what is booked."""
