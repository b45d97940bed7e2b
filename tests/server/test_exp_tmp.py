import socket, struct, time, json, threading, gc
import numpy as np, pytest
from streamkit.audio.pcm import to_linear16

P=dict(encoding="linear16",sample_rate=16000)
def test_one(server, speak):
    with server.listen(**P) as c:
        c.send(to_linear16(speak("Turn the music down.")))
        c.close_stream()
    print(c.text, c.closed)
    server.wait_until_empty()

@pytest.mark.parametrize("k", range(10))
def test_huge(server, speak, k):
    with server.listen(**P) as c:
        c.send(to_linear16(speak("Turn the music down.")))
        try:
            c.socket.send(b"\0"*(5<<20))
        except Exception as e: print(type(e), e)
        c.read_to_end()
    print(c.closed, [m["type"] for m in c.messages])

def test_stuck(start_server, speak):
    s = start_server(send_timeout=1, outbox_messages=4, drain_timeout=1)
    a=to_linear16(np.tile(speak("Turn the music down."),4))
    # raw sock, never reads
    from websockets.client import ClientProtocol
    from websockets.uri import parse_uri
    p=ClientProtocol(parse_uri(s.url+"/v1/listen?encoding=linear16&sample_rate=16000&interim_results=true"))
    sock=socket.socket(); sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    h,port=s.url[5:].split(":"); sock.connect((h,int(port)))
    p.send_request(p.connect()); 
    for d in p.data_to_send(): sock.sendall(d)
    while not p.events_received(): p.receive_data(sock.recv(2048))
    t=time.time(); n=0
    sock.settimeout(8)
    txt='{"type":"Foo%s"}'%("x"*3000)
    try:
        for i in range(100000):
            p.send_text(txt.encode())
            for d in p.data_to_send(): sock.sendall(d); n+=len(d)
    except Exception as e: print(type(e), e, n)
    print("t", time.time()-t, s.sessions, len(s.server.server_state.connections))
    time.sleep(12)
    print("t", time.time()-t, s.sessions, len(s.server.server_state.connections))
