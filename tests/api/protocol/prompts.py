"""How frameworks ask: their prompts around one text and one question, in words of their own kind."""

TEXT = "The bridge was built by Dunmore and Sons in 1891. It carries two lanes."
QUESTION = "Who built the bridge?"
RULE = "-" * 20

OPEN_WEBUI = """### Task:
Respond to the user query using the provided context, with citations in the format [id] **only when the
<source> tag includes an explicit id attribute** (e.g., <source id="1">).

### Guidelines:
- If you don't know the answer, clearly state that.
- If uncertain, ask the user for clarification.
- Do not use XML tags in your response.

### Example of Citation:
* "According to the study, the proposed method increases efficiency by 20% [1]."

### Output:
Provide a clear and direct response to the user's query.

<context>
<source id="1" name="bridge.txt">{text}</source>
</context>
"""

# Prompts that hold both.
PROMPTS = {
    "Open WebUI": OPEN_WEBUI + "\n{question}",
    "Open WebUI, query in tags": OPEN_WEBUI + "\n<user_query>\n{question}\n</user_query>\n",
    "Open WebUI, one line": '<context><source id="1">{text}</source></context>\n\n{question}',
    "Open WebUI, older": "<context><source><source_id>1</source_id><source_context>{text}</source_context>"
    "</source></context>\n\n{question}",
    "documents with their names": "<documents><document "
    'index="1"><source>a.txt</source><document_content>{text}'
    "</document_content></document></documents>\n\n{question}",
    "document behind the question": "{question}\n\n<document>{text}</document>",
    "LangChain": "Answer the question based only on the following context:\n{text}\n\nQuestion: {question}\n",
    "LangChain in one line": "Answer the question based only on the following context: {text} Question: "
    "{question}",
    "LangChain with tags": "Answer the following question based only on the provided "
    "context:\n\n<context>\n{text}\n"
    "</context>\n\nQuestion: {question}",
    "LangChain's hub": "You are an assistant for question-answering tasks. Use the following pieces of "
    "retrieved context "
    "to answer the question. If you don't know the answer, just say that you don't know. Use three "
    "sentences maximum "
    "and keep the answer concise.\nQuestion: {question} \nContext: {text} \nAnswer:",
    "LangChain's stuffed documents": "Use the following pieces of context to answer the question at the "
    "end. If you "
    "don't know the answer, just say that you don't know, don't try to make up an answer.\n\n{text}\n\n"
    "Question: {question}\nHelpful Answer:",
    "LangChain with a custom rule": "Use the following pieces of context to answer the question at the end.\n"
    'Always say "thanks for asking!" at the end of the answer.\n\n{text}\n\nQuestion: {question}\n\n'
    "Helpful Answer:",
    "LangChain, asked twice": "Answer the question based only on the following "
    "context:\n\n{text}\n\n---\n\nAnswer the "
    "question based on the above context: {question}\n",
    "LlamaIndex": f"Context information is below.\n{RULE}\n{{text}}\n{RULE}\nGiven the context "
    f"information and not prior "
    "knowledge, answer the query.\nQuery: {question}\nAnswer: ",
    "LlamaIndex, many sources": f"Context information from multiple sources is "
    f"below.\n{RULE}\n{{text}}\n{RULE}\nGiven the "
    "information from multiple sources and not prior knowledge, answer the query.\nQuery: "
    "{question}\nAnswer: ",
    "LlamaIndex refines": "The original query is as follows: {question}\nWe have provided an existing "
    "answer: Karl Berg\n"
    "We have the opportunity to refine the existing answer (only if needed) with some more context below.\n"
    f"{RULE}\n{{text}}\n{RULE}\nGiven the new context, refine the original answer to better answer the "
    f"query. If the "
    "context isn't useful, return the original answer.\nRefined Answer: ",
    "LlamaIndex refines in a chat": "You are an expert Q&A system that strictly operates in two modes "
    "when refining "
    "existing answers:\n1. **Rewrite** an original answer using the new context.\n2. **Repeat** the "
    "original answer if "
    "the new context isn't useful.\nNever reference the original answer or context directly in your "
    "answer.\n"
    "New Context: {text}\nQuery: {question}\nOriginal Answer: Karl Berg\nNew Answer: ",
    "Haystack": "\nGiven these documents, answer the question.\nDocuments:\n\n    {text}\n\nQuestion: "
    "{question}\nAnswer:\n",
    "Haystack, information": "Given the following information, answer the question.\n\nContext:\n\n    "
    "{text}\n\n"
    "Question: {question}\nAnswer:",
    "fences": f"I want you to act as a document. Using the provided context, answer the user's "
    f"question.\nIf there is "
    f"nothing in the context relevant to the question, just say "
    f"so.\n{RULE}\n{{text}}\n{RULE}\nREMEMBER: Don't try to "
    "make up an answer. Never break character.\n\nQuestion: {question}",
    "this data": "Using this data: {text} Respond to this prompt: {question}",
    "labels": "Context: {text}\nQuestion: {question}",
    "labels in one line": "Question: {question} Context: {text}",
    "labels the other way": "Question: {question}\nContext: {text}\nAnswer:",
    "labels in bold": "**Context:** {text}\n\n**Question:** {question}",
    "headings": "## Context\n{text}\n\n## Question\n{question}",
    "one label": "Context: {text}\n\n{question}",
    "one label behind the question": "{question}\n\nContext: {text}",
    "quotes": 'Text:\n"""\n{text}\n"""\n\nQuestion: {question}',
    "code fence": "Here is the text:\n```\n{text}\n```\n{question}",
    "text and question": "{text} {question}",
    "question and text": "{question}\n\n{text}",
    "instruction, input, response": "Below is an instruction that describes a task, paired with "
    "an input that provides further context. Write a response that appropriately completes the "
    "request.\n\n### Instruction:\n"
    "{question}\n\n### Input:\n{text}\n\n### Response:",
    "information": "Information: {text}\n\nQuestion: {question}",
    "facts": "Facts:\n{text}\n======\nQuestion: {question}\nAnswer: ",
    "German": "Kontext: {text}\nFrage: {question}",
    "order behind the question": "Context: {text}\nQuestion: {question}\nAnswer in one sentence.",
    "LiteLLM's conversation": "### System:\n{text}\n\n### User:\n{question}\n\n",
    "conversation that goes on": "System: {text}\nUser: {question}\nAssistant:",
    "LangChain's conversation": "System: You are a bot.\nHuman: {text}\nAI: Karl Berg built it.\nHuman: "
    "{question}",
}
# Conversations with the marks of a model's own template between the turns.
TEMPLATES = {
    "ChatML": "<|im_start|>system\n{text}<|im_end|>\n<|im_start|>user\n{question}<|im_end|>\n"
    "<|im_start|>assistant\n",
    "ChatML that goes on": "<|im_start|>system\nYou are a bot.\n<|im_end|>\n<|im_start|>user\nHello"
    "<|im_end|>\n<|im_start|>assistant\nKarl Berg built it.<|im_end|>\n<|im_start|>user\n"
    "Context: {text}\nQuestion: {question}<|im_end|>",
    "Llama 3": "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n{text}<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\n{question}<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\n",
    "Llama 2": "<s>[INST] <<SYS>>\n{text}\n<</SYS>>\n\n{question} [/INST]",
    "Llama 2 that goes on": "<s>[INST] <<SYS>>\n{text}\n<</SYS>>\n\nHello [/INST] Karl Berg built it. </s>"
    "<s>[INST] {question} [/INST]",
    "Mistral": "[INST] Answer from the context.\n\nContext: {text}\n\nQuestion: {question} [/INST]",
    "Mistral, system": "<s>[SYSTEM_PROMPT]{text}[/SYSTEM_PROMPT][INST]{question}[/INST]",
    "Gemma": "<bos><start_of_turn>user\n{text}\n\n{question}<end_of_turn>\n<start_of_turn>model\n",
    "Zephyr": "<|system|>\n{text}</s>\n<|user|>\n{question}</s>\n<|assistant|>\n",
    "Phi": "<|system|>{text}<|end|><|user|>{question}<|end|><|assistant|>",
    "Command R": "<BOS_TOKEN><|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>{text}<|END_OF_TURN_TOKEN|>"
    "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>{question}<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>",
    "DeepSeek": "<｜begin▁of▁sentence｜>{text}<｜User｜>{question}<｜Assistant｜>",
    "gpt-oss": "<|start|>system<|message|>{text}<|end|><|start|>user<|message|>{question}<|end|>"
    "<|start|>assistant",
    "LangChain's ConversationChain": "The following is a friendly conversation between a human and an AI. "
    "The AI is talkative and provides lots of specific details from its context. If the AI does not know the "
    "answer to a question, it truthfully says it does not know.\n\nCurrent conversation:\nHuman: {text}\n"
    "AI: Karl Berg built it.\nHuman: {question}\nAI:",
    "Vicuna": "A chat between a curious user and an artificial intelligence assistant. The assistant gives "
    "helpful, detailed, and polite answers to the user's questions. USER: {text} {question} ASSISTANT:",
    "old Claude": "\n\nHuman: <document>{text}</document>\n\n{question}\n\nAssistant:",
}
# Questions before the last that are examples, and what else there is.
FEW_SHOT = {
    "text first": "Context: {text}\nQ: How long is it?\nA: Ten metres.\nQ: {question}\nA:",
    "text first, unmarked": "{text}\n\nQ: How long is it?\nA: Ten metres.\n\nQ: {question}\nA:",
    "a text each": "Answer from the context.\n\nContext: Karl Berg built the house.\nQuestion: Who built "
    "the house?\nAnswer: Karl Berg\n\nContext: {text}\nQuestion: {question}\nAnswer:",
    "numbered texts": "Passage 1: Karl Berg built the house.\nQuestion 1: Who built it?\nAnswer 1: Karl "
    "Berg\n\nPassage 2: {text}\nQuestion 2: {question}\nAnswer 2:",
}
# Elements of other names around a text.
TAGGED = [
    "<document_contents>{text}</document_contents>\n{question}",
    "<passages>{text}</passages>\n{question}",
    "<passages><passage id='1'>{text}</passage></passages>\n{question}",
    '<documents>\n<document index="1">\n<source>a.txt</source>\n<document_contents>\n{text}\n'
    "</document_contents>\n</document>\n</documents>\n\n{question}",
    "<retrieved-documents><doc>{text}</doc></retrieved-documents>{question}",
    "<web_search_results><result><title>Bridges</title>{text}</result></web_search_results>\n{question}",
]
# System messages that hold the text, beside a user who asks.
SYSTEMS = {
    "text": "{text}",
    "text and instruction": "You are a helpful assistant. {text} Answer in one sentence.",
    "Open WebUI": "You are helpful.\n" + OPEN_WEBUI,
    "LangChain": "You are an assistant for question-answering tasks. Use the following pieces of "
    "retrieved context to answer "
    "the question. If you don't know the answer, say that you don't know.\n\n{text}",
    "LangChain, response": "You are a helpful assistant. Use the following context in your "
    "response:\n\n{text}",
    "LangChain's stuffed documents": "Use the following pieces of context to answer the user's "
    "question. \nIf you don't know "
    f"the answer, just say that you don't know.\n{RULE}\n{{text}}",
    "LlamaIndex": f"Use the context information below to assist the user.\n{RULE}\n{{text}}\n{RULE}\n",
    "LlamaIndex refines": "Using the context below, refine the following existing answer using the "
    "provided context to assist "
    f"the user.\nIf the context isn't helpful, just repeat the existing "
    f"answer.\n\n{RULE}\n{{text}}\n{RULE}\nExisting "
    f"Answer:\nKarl Berg\n{RULE}\n",
    "LlamaIndex condenses": "\n  The following is a friendly conversation between a user and an AI "
    "assistant.\n  If the "
    "assistant does not know the answer to a question, it truthfully says it\n  does not know.\n\n  "
    "Here are the relevant "
    "documents for the context:\n\n  {text}\n\n  Instruction: Based on the above documents, provide a "
    "detailed answer for "
    'the user question below.\n  Answer "don\'t know" if not present in the document.\n  ',
    "AnythingLLM": "Given the following conversation, relevant context, and a follow up question, reply "
    "with an answer to the "
    "current question the user is asking.\nContext:\n    [CONTEXT 0]:\n{text}\n[END CONTEXT 0]\n\n",
    "label": "You are a helpful assistant.\n\nContext:\n{text}",
}
# Prompts that want the question to be said again, so that it stands alone.
FOLLOW_UPS = {
    "LlamaIndex": "\n  Given the following conversation between a user and an AI assistant and a follow "
    "up question from user,"
    "\n  rephrase the follow up question to be a standalone question.\n\n  Chat History:\n  user: "
    "hi\nassistant: Karl Berg\n"
    "  Follow Up Input: {question}\n  Standalone question:",
    "LlamaIndex, headings": "Given a conversation (between Human and Assistant) and a follow up message "
    "from Human, rewrite the "
    "message to be a standalone question.\n\n<Chat History>\nHuman: hi\n\n<Follow Up "
    "Message>\n{question}\n\n"
    "<Standalone question>\n",
    "LangChain": "Given the following conversation and a follow up question, rephrase the follow up "
    "question to be a "
    "standalone question, in its original language.\n\nChat History:\nHuman: hi\nFollow Up Input: "
    "{question}\n"
    "Standalone question:",
}
INSTRUCTIONS = [
    "Du är en hjälpsam assistent.",
    "你是一个有用的助手。",
    "あなたは親切なアシスタントです。",
    "Ты полезный ассистент.",
    "<role>You are a helpful assistant</role>",
    "System prompt: be nice and helpful.",
    "detailed thinking on",
    "Today's date is 2026-11-25. You are a helpful assistant.",
    "You are a professional translator. Translate everything into German.",
    "A chat between a curious user and an artificial intelligence assistant.",
    "Assistant is a large language model trained by OpenAI.",
    "I am a helpful assistant.",
    "Helpful assistant",
    "You have access to tools.",
    "Speak like Shakespeare.",
    "Stay in character.",
    "Du bist ein hilfsbereiter Assistent. Antworte immer auf Deutsch.",
    "You are a helpful assistant.",
    "You are a helpful AI assistant that answers questions.",
    "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.",
    "You are an expert historian. Always answer truthfully.",
    "You are a museum guide. You love old ships and speak with enthusiasm.",
    "You are a large language model.\nKnowledge cutoff: 2023-10\nCurrent date: 2026-11-25",
    "Your name is Bob, a friendly chatbot.",
    "The assistant is helpful, creative, clever, and very friendly.",
    "Du bist ein hilfreicher Assistent.",
    "Act as a pirate.",
    "Answer briefly and in English.",
    "Please answer all questions in one short sentence.",
    "Answer the user's questions.",
    "Respond only in French.",
    "Be concise.",
    "Always be polite. Never lie.",
    "Think step by step.",
    "Use Markdown.",
    "If you do not know the answer, say so.",
    "Do not make things up.",
    "Keep your answers short.",
    "Help the user with their questions.",
]
# System messages that say how to answer, or whom, and hold no text.
REMARKS = [
    "No yapping.",
    "Answer in German.",
    "Speak only English.",
    "German only.",
    "Short answers, please.",
    "Plain text only.",
    "Just the answer.",
    "Stick to the facts.",
    "/no_think",
    "Tone: friendly",
    "Find the answer in the given text.",
    "You are a helpful assistant. No preamble.",
    "The user's name is Karl.",
    "You are a helpful assistant. The user is a lawyer. The user lives in Berlin.",
]
# Short ones that are texts.
FACT_SHEETS = [
    "Opening hours: Monday to Friday, 9 am to 5 pm. Tickets cost 12 euros.",
    "Closed on Mondays.",
    "Dogs are welcome.",
    "It opened late.",
    "Breakfast includes coffee.",
    "Owner: Karl Berg",
    "The user must change the password every 90 days. After three attempts the account is locked.",
    "The user's manual is in the drawer. The office opens at nine.",
    "The assistant manager is Eva Holm.",
]
SMALL_TALK = [
    "Bonjour",
    "Guten Tag",
    "lol",
    "Hello",
    "Hi there!",
    "How are you?",
    "Good morning",
    "Thanks!",
    "I have a question about bridges.",
    "I want to know about the bridge",
    "I like bridges.",
    "Tell me a joke.",
    "Can you help me with something?",
    "hey, i need help",
    "What can you do?",
    "Who built it?",
]
# Texts that begin as instructions or small talk do.
STATEMENTS = [
    "The tenant pays 500 pounds. If you have a question, call the office.",
    "Use the blue key to open the door.",
    "Answer the phone within three rings. The office opens at nine.",
    "You must give notice two months before the end.",
    "I live in Leeds and work as a baker.",
    "Do not feed the ducks. The fine is 40 pounds.",
]
