"""The page of `vidcls watch`: what a person opens on a phone, and leaves open."""
