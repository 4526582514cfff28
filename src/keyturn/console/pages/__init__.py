"""The console's pages: one module per menu item; each handler gathers, decides, renders."""
