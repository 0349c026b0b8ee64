CREATE TABLE "task_log" (
	"task_id" text NOT NULL,
	"attempt_number" integer NOT NULL,
	"seq" integer NOT NULL,
	"attempt_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"body" text NOT NULL,
	"logged_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "task_log_task_id_attempt_number_seq_pk" PRIMARY KEY("task_id","attempt_number","seq"),
	CONSTRAINT "task_log_kind" CHECK (kind in ('session', 'text', 'tool', 'tool_end', 'notice', 'denied', 'failure', 'left_out'))
);
--> statement-breakpoint
ALTER TABLE "task_log" ADD CONSTRAINT "task_log_attempt_id_task_attempts_attempt_id_fk" FOREIGN KEY ("attempt_id") REFERENCES "public"."task_attempts"("attempt_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "task_log_attempt" ON "task_log" USING btree ("attempt_id");