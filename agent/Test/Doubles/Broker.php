<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Doubles;

use PhpAmqpLib\Exception\AMQPTimeoutException;

/**
 * A message broker, and the connection to it.
 */
class Broker
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
     * The longest message, in bytes.
     *
     * @var int
     */
    public $maxMessage = PHP_INT_MAX;

    /**
     * Whether it keeps its connections and answers nothing, as a suspended process does.
     *
     * @var bool
     */
    public $isFrozen = false;

    /**
     * The seconds that others have waited for its answers.
     *
     * @var float
     */
    public $waited = 0.0;

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
     * @var bool whether Magento's exchange leads to the queue
     */
    public $isBound = true;

    /**
     * The channel that Magento's publishers and consumers share: the agent does not open it.
     *
     * @var Channel|null
     */
    public $shared;

    /**
     * The connections that were opened.
     *
     * @var BrokerConnection[]
     */
    public $connections = [];

    public function getChannel(): Channel
    {
        return $this->shared = $this->shared ?? new Channel($this->connect());
    }

    /**
     * Returns a setting of env.php.
     *
     * @param string $key
     * @return string
     */
    public function getValue($key)
    {
        return $key === 'port' ? 5672 : ($key === 'ssl' ? '' : 'the ' . $key);
    }

    public function connect(): BrokerConnection
    {
        $this->fail();
        $this->answer(BrokerConnection::CONNECT_SECONDS);

        return $this->connections[] = new BrokerConnection($this);
    }

    /**
     * Answers, unless it is frozen.
     *
     * @param int $seconds how long the client waits; 0: without end, as php-amqplib does by default
     * @return void
     */
    public function answer(int $seconds): void
    {
        if ($this->isFrozen) {
            $this->waited += $seconds ?: INF;
            throw new AMQPTimeoutException('The connection timed out');
        }
    }

    private function fail(): void
    {
        if ($this->failure !== null) {
            throw $this->failure;
        }
    }
}
