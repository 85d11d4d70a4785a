<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Doubles;

use Magento\Framework\MessageQueue\PublisherInterface;

/**
 * A message broker: Magento's publisher, and the channel to it.
 */
class Broker implements PublisherInterface
{
    /**
     * What was published, as topic and data.
     *
     * @var array[]
     */
    public $published = [];

    /**
     * @var \Throwable|null thrown by whatever is asked of it
     */
    public $failure;

    /**
     * @var bool
     */
    public $refuses = false;

    /**
     * What the channel was asked for.
     *
     * @var string[]
     */
    public $asked = [];

    /**
     * @var callable|null
     */
    private $onRefusal;

    public function publish($topicName, $data)
    {
        $this->fail();
        $this->published[] = [$topicName, $data];
    }

    public function getChannel(): self
    {
        $this->fail();
        return $this;
    }

    public function confirm_select(): void
    {
        $this->asked[] = 'confirm';
    }

    public function queue_declare(string $queue, bool $isPassive): void
    {
        $this->asked[] = ($isPassive ? 'is there ' : 'make ') . $queue;
    }

    public function set_nack_handler(callable $handler): void
    {
        $this->onRefusal = $handler;
    }

    public function wait_for_pending_acks(int $seconds): void
    {
        $this->asked[] = 'wait';
        if ($this->refuses) {
            ($this->onRefusal)();
        }
    }

    private function fail(): void
    {
        if ($this->failure !== null) {
            throw $this->failure;
        }
    }
}
