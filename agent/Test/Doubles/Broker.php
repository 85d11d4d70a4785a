<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Doubles;

use Magento\Framework\MessageQueue\PublisherInterface;

/**
 * A message broker: Magento's publisher, and the connection to it.
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
     * What the agent's channels were asked for.
     *
     * @var string[]
     */
    public $asked = [];

    /**
     * @var bool whether the queue exists
     */
    public $hasQueue = true;

    /**
     * @var bool whether the connection works, and with it all of its channels
     */
    public $isConnected = true;

    /**
     * The channel that Magento's publishers and consumers share.
     *
     * @var Channel|null
     */
    public $shared;

    /**
     * The channels that were opened beside it.
     *
     * @var Channel[]
     */
    public $channels = [];

    public function publish($topicName, $data)
    {
        $this->fail();
        $this->published[] = [$topicName, $data];
    }

    public function getChannel(): Channel
    {
        $this->fail();
        $this->shared = $this->shared ?? new Channel($this);
        return $this->shared;
    }

    /**
     * Opens a channel, as a connection does.
     */
    public function channel(): Channel
    {
        $this->fail();
        if (!$this->isConnected) {
            throw new \RuntimeException('Channel connection is closed.');
        }
        return $this->channels[] = new Channel($this);
    }

    public function isConnected(): bool
    {
        return $this->isConnected;
    }

    private function fail(): void
    {
        if ($this->failure !== null) {
            throw $this->failure;
        }
    }
}
