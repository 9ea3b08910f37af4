"""The same text said in several ways, and what tells them apart: takes of it, measures of a sound
beside another, pictures, and a page with all of that."""
