"""Reading an object as a file: few requests, whatever is asked for."""

import statekit
from statekit._core.objects.files import Reading

MIB = 1 << 20


def test_the_rest_of_a_large_object_is_read_in_parts(monkeypatch):
    asked, fetch = [], Reading.fetch

    def counted(self, start, length):
        asked.append(start)
        return fetch(self, start, length)

    monkeypatch.setattr(Reading, "fetch", counted)
    data = b"0123456789abcdef" * MIB
    with statekit.open("memory:") as state:
        state.objects.put("large", data)
        with state.objects.open("large") as reader:
            assert reader.read(10) == data[:10]
            assert reader.read() == data[10:]
            assert reader.read() == b""
            assert reader.tell() == len(data)
            assert reader.seek(5) == 5
            assert reader.read() == data[5:]
    assert len(asked) < 16
