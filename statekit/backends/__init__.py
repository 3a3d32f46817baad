"""The backends that come with statekit."""
