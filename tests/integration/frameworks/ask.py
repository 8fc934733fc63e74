"""Ask a server as LangChain, LlamaIndex and LiteLLM do: `ask.py URL` prints what each of them got, as JSON.

Runs in the environment of `environment.py`.
"""

import json
import sys
from collections.abc import Callable

import litellm
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_ollama import ChatOllama, OllamaEmbeddings, OllamaLLM
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from llama_index.core import Document, VectorStoreIndex
from llama_index.embeddings.ollama import OllamaEmbedding
from llama_index.llms.ollama import Ollama
from pydantic import BaseModel

URL = sys.argv[1]
MODEL, EMBEDDER = "bert-qa:squad", "all-minilm-l6-v2"
TEXT = "The bridge was built by Dunmore and Sons in 1891."
OTHERS = ["The bakery on Mill Lane sells bread and cakes.", "The library opens at nine in the morning."]
QUESTION = "Who built the bridge?"
MESSAGES = [{"role": "system", "content": TEXT}, {"role": "user", "content": QUESTION}]
CHAT = [SystemMessage(TEXT), HumanMessage(QUESTION)]
RAG = "Answer the question based only on the following context:\n{context}\n\nQuestion: {question}"


class Found(BaseModel):
    """An answer out of a text."""

    answer: str
    score: float


def chat_ollama() -> ChatOllama:
    return ChatOllama(model=MODEL, base_url=URL, validate_model_on_init=True)


def chat_openai() -> ChatOpenAI:
    return ChatOpenAI(model=MODEL, base_url=f"{URL}/v1", api_key="unused", max_retries=0)


def streamed(model: ChatOllama | ChatOpenAI) -> str:
    return "".join(str(piece.content) for piece in model.stream(CHAT))


def from_prompt(model: ChatOllama | ChatOpenAI | OllamaLLM) -> str:
    found = (ChatPromptTemplate.from_template(RAG) | model).invoke({"context": TEXT, "question": QUESTION})
    return found if isinstance(found, str) else str(found.content)


def structured(model: ChatOllama | ChatOpenAI) -> str:
    found = model.with_structured_output(Found, method="json_schema").invoke(CHAT)
    assert 0 < found.score <= 1
    return found.answer


def with_tool(model: ChatOllama | ChatOpenAI) -> str:
    call = AIMessage("", tool_calls=[{"name": "search", "args": {"for": "bridge"}, "id": "1"}])
    messages = [SystemMessage("You are a helpful assistant."), HumanMessage(QUESTION), call]
    return str(model.invoke([*messages, ToolMessage(TEXT, tool_call_id="1")]).content)


def without_text(model: ChatOllama | ChatOpenAI) -> str:
    try:
        model.invoke([SystemMessage("You are a helpful assistant."), HumanMessage(QUESTION)])
    except Exception as e:  # each client has an error of its own
        return str(e)
    return ""


def ollama_embeddings() -> list[int]:
    vectors = OllamaEmbeddings(model=EMBEDDER, base_url=URL, validate_model_on_init=True).embed_documents(
        ["a"] * 65
    )
    return [len(vectors), len(vectors[0])]


def openai_embeddings() -> list[int]:
    model = OpenAIEmbeddings(
        model=EMBEDDER,
        base_url=f"{URL}/v1",
        api_key="unused",
        dimensions=64,
        check_embedding_ctx_length=False,
    )
    vectors = model.embed_documents([TEXT, QUESTION])
    return [len(vectors), len(vectors[0])]


def index() -> tuple[VectorStoreIndex, Ollama]:
    embedder = OllamaEmbedding(model_name=EMBEDDER, base_url=URL)
    documents = [Document(text=text, metadata={"name": "notes"}) for text in (TEXT, *OTHERS)]
    llm = Ollama(model=MODEL, base_url=URL, request_timeout=60)
    return VectorStoreIndex.from_documents(documents, embed_model=embedder), llm


def queried(mode: str) -> str:
    store, llm = index()
    return str(store.as_query_engine(llm=llm, response_mode=mode, similarity_top_k=3).query(QUESTION))


def chatted(mode: str) -> list[str]:
    store, llm = index()
    engine = store.as_chat_engine(chat_mode=mode, llm=llm, similarity_top_k=2)
    return [str(engine.chat(question)) for question in (QUESTION, "When does the library open?")]


def completed(model: str, address: str = URL, **more: object) -> str:
    found = litellm.completion(model=model, messages=MESSAGES, api_base=address, api_key="unused", **more)
    return str(found.choices[0].message.content)


def litellm_vectors(model: str, address: str = URL) -> list[int]:
    found = litellm.embedding(model=model, input=["a", "b"], api_base=address, api_key="unused")
    return [len(found.data), len(found.data[0]["embedding"])]


CASES: dict[str, Callable[[], object]] = {
    "ChatOllama": lambda: str(chat_ollama().invoke(CHAT).content),
    "ChatOllama streams": lambda: streamed(chat_ollama()),
    "ChatOllama in a chain": lambda: from_prompt(chat_ollama()),
    "ChatOllama with a schema": lambda: structured(chat_ollama()),
    "ChatOllama with a tool": lambda: with_tool(chat_ollama()),
    "ChatOllama without a text": lambda: without_text(chat_ollama()),
    "OllamaLLM in a chain": lambda: from_prompt(OllamaLLM(model=MODEL, base_url=URL)),
    "OllamaEmbeddings": ollama_embeddings,
    "ChatOpenAI": lambda: str(chat_openai().invoke(CHAT).content),
    "ChatOpenAI streams": lambda: streamed(chat_openai()),
    "ChatOpenAI in a chain": lambda: from_prompt(chat_openai()),
    "ChatOpenAI with a schema": lambda: structured(chat_openai()),
    "ChatOpenAI with a tool": lambda: with_tool(chat_openai()),
    "ChatOpenAI without a text": lambda: without_text(chat_openai()),
    "OpenAIEmbeddings": openai_embeddings,
    "LlamaIndex compact": lambda: queried("compact"),
    "LlamaIndex refine": lambda: queried("refine"),
    "LlamaIndex tree_summarize": lambda: queried("tree_summarize"),
    "LlamaIndex chat context": lambda: chatted("context"),
    "LlamaIndex chat condense_plus_context": lambda: chatted("condense_plus_context"),
    "LlamaIndex chat condense_question": lambda: chatted("condense_question"),
    "LiteLLM ollama": lambda: completed(f"ollama/{MODEL}"),
    "LiteLLM ollama_chat": lambda: completed(f"ollama_chat/{MODEL}"),
    "LiteLLM openai": lambda: completed(f"openai/{MODEL}", f"{URL}/v1"),
    "LiteLLM json": lambda: json.loads(completed(f"ollama_chat/{MODEL}", format="json"))["answer"],
    "LiteLLM ollama vectors": lambda: litellm_vectors(f"ollama/{EMBEDDER}"),
    "LiteLLM openai vectors": lambda: litellm_vectors(f"openai/{EMBEDDER}", f"{URL}/v1"),
}


def outcome(case: Callable[[], object]) -> object:
    try:
        return case()
    except Exception as e:  # told to the test, which names the case
        return f"{type(e).__name__}: {e}"


if __name__ == "__main__":
    print(json.dumps({name: outcome(case) for name, case in CASES.items()}))
