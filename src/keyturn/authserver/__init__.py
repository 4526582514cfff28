"""The Auth server's HTTP surface, in GoTrue's wire format."""
