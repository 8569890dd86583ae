"""GourmetGram's page: upload a picture or pick a sample, see what it shows, from whichever server is behind it."""
